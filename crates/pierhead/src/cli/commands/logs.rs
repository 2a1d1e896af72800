//! `logs`: history first, then stop; `-f` goes on, over cut connections and over the next deployment of the slot.

use clap::Args;
use pierhead_model::Timestamp;
use serde_json::Value;

use crate::cli::client::Client;
use crate::cli::client::calls::LogFilter;
use crate::cli::client::sse::{LogFollower, LogItem};
use crate::cli::client::types::{Deployment, LogLine};
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::target;
use crate::output::style::{DIM, paint};
use crate::output::{humane, safe_text};

/// Lines per request.
const PAGE: u32 = 1_000;
/// Lines shown unless told otherwise.
const DEFAULT_LINES: usize = 100;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pierhead logs -f\n  pierhead logs 3x9mq2p7ab --build\n  pierhead logs --since 10m --search error"
)]
pub(crate) struct LogsArgs {
    /// An id, v18, an address or a slot [default: what is live]
    deployment: Option<String>,
    /// Go on as lines are written
    #[arg(short, long, visible_short_alias = 't', visible_alias = "tail")]
    follow: bool,
    /// How many of the newest lines [default: 100; with --since all]
    #[arg(short = 'n', long, value_name = "NUMBER", aliases = ["num", "limit"])]
    lines: Option<usize>,
    /// The build's lines of the newest deployment
    #[arg(long)]
    build: bool,
    /// The newest deployment, whatever its state
    #[arg(long)]
    latest: bool,
    /// Only lines that match
    #[arg(long, value_name = "QUERY")]
    search: Option<String>,
    /// Only lines of a step: clone, install, build, release, service
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    /// Only one stream: stdout, stderr, system
    #[arg(long, value_name = "STREAM")]
    stream: Option<pierhead_model::log::LogStream>,
    /// Of a deployment on several nodes: the lines of this one [default: the one that leads]
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// Only lines since a time, such as 10m or 2026-11-20T10:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Each line with its time
    #[arg(long)]
    timestamps: bool,
    /// Bytes as they came: may hold sequences that change your terminal
    #[arg(long)]
    raw: bool,
}

pub(crate) async fn run(context: &Context, args: &LogsArgs) -> Result<(), Error> {
    let client = context.client()?;
    let mut deployment = find(context, &client, args).await?;
    let filter = LogFilter {
        search: args.search.clone(),
        stream: args.stream.map(|stream| stream.to_string()),
        step: args.step.clone(),
        node: args.node.clone(),
    };
    let view = View { context, args, since: since(context, args)? };
    let wanted = args.lines.unwrap_or(if view.since.is_some() { usize::MAX } else { DEFAULT_LINES });
    let history = view.history(&client, &deployment.id, wanted, &filter).await?;
    let mut after = history.iter().filter_map(|line| line.get("number")?.as_u64()).max().unwrap_or(0);
    history.iter().try_for_each(|line| view.print(line))?;
    if !args.follow {
        return Ok(());
    }
    loop {
        let mut follower = LogFollower::new(&client, &deployment.id, after, filter.clone());
        loop {
            let item = tokio::select! {
                item = follower.next() => item?,
                _ = tokio::signal::ctrl_c() => return Err(Error::Interrupted),
            };
            match item {
                LogItem::Line(line) => {
                    if view.wants(&line) {
                        view.print(&line)?;
                    }
                }
                LogItem::Gap { after, before } => {
                    context.say(&format!("(lines {} to {} are missing)", after + 1, before - 1))
                }
                LogItem::State => {}
                LogItem::End => break,
            }
        }
        match successor(context, &client, args, &deployment).await? {
            Some(next) => {
                context.say(&format!("──── {} is live ({}) ────", next.id, next.version()));
                deployment = next;
                after = 0;
            }
            None => return Ok(()),
        }
    }
}

/// When a slot is followed: the deployment that took over.
async fn successor(
    context: &Context,
    client: &Client<'_>,
    args: &LogsArgs,
    ended: &Deployment,
) -> Result<Option<Deployment>, Error> {
    if args.deployment.is_some() || args.build || args.latest {
        return Ok(None);
    }
    match target::deployment(context, client, None).await {
        Ok(live) if live.id != ended.id => Ok(Some(live)),
        Ok(_) | Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn find(context: &Context, client: &Client<'_>, args: &LogsArgs) -> Result<Deployment, Error> {
    if args.deployment.is_some() {
        return target::deployment(context, client, args.deployment.as_deref()).await;
    }
    let latest = target::latest(context, client).await?;
    if args.build || args.latest {
        return latest
            .ok_or_else(|| Error::not_found("there is no deployment yet", "Deploy first: pierhead deploy"));
    }
    let live = target::deployment(context, client, None).await?;
    if let Some(latest) = latest
        .filter(|latest| latest.id != live.id && latest.state == pierhead_model::deployment::State::Failed)
    {
        context.say(&format!(
            "The newest deployment {} failed; its log: pierhead logs {}",
            latest.id, latest.id
        ));
    }
    Ok(live)
}

fn since(context: &Context, args: &LogsArgs) -> Result<Option<Timestamp>, Error> {
    let since = args.since.as_deref().map(|text| humane::parse_moment(text, context.now())).transpose();
    since.map_err(|problem| Error::usage(problem, ""))
}

struct View<'v> {
    context: &'v Context,
    args: &'v LogsArgs,
    since: Option<Timestamp>,
}

impl View<'_> {
    async fn history(
        &self,
        client: &Client<'_>,
        id: &str,
        wanted: usize,
        filter: &LogFilter,
    ) -> Result<Vec<Value>, Error> {
        let narrowed = self.args.build || self.since.is_some();
        let mut lines = if narrowed {
            pages(client, id, 0, filter).await?
        } else {
            newest(client, id, wanted, filter).await?
        };
        lines.retain(|line| self.wants(line));
        let surplus = lines.len().saturating_sub(wanted);
        lines.drain(..surplus);
        Ok(lines)
    }

    /// What the server cannot filter.
    fn wants(&self, line: &Value) -> bool {
        let of_build = !self.args.build || line.get("step").and_then(Value::as_str) != Some("service");
        let time = || line.get("time")?.as_str()?.parse::<Timestamp>().ok();
        of_build && self.since.is_none_or(|since| time().is_some_and(|time| time >= since))
    }

    fn print(&self, line: &Value) -> Result<(), Error> {
        if self.context.json() {
            return self.context.printer.answer(&line.to_string()).map_err(Error::from);
        }
        let Ok(line) = understand(line) else { return Ok(()) };
        let time = if self.args.timestamps {
            format!("{} ", paint(DIM, &format!("{:.3}", line.time)))
        } else {
            String::new()
        };
        if self.args.raw {
            let text = format!("{time}{}\n", line.text);
            return self.context.printer.raw(text.as_bytes()).map_err(Error::from);
        }
        let text = safe_text::with_colors(&line.text);
        let text =
            if line.stream == pierhead_model::log::LogStream::System { paint(DIM, &text) } else { text };
        Ok(self.context.printer.answer(&format!("{time}{text}"))?)
    }
}

/// A line, typed.
pub(crate) fn understand(line: &Value) -> Result<LogLine, serde_json::Error> {
    serde::Deserialize::deserialize(line)
}

/// Every line after a number.
pub(crate) async fn pages(
    client: &Client<'_>,
    id: &str,
    mut after: u64,
    filter: &LogFilter,
) -> Result<Vec<Value>, Error> {
    let mut lines = Vec::new();
    loop {
        let page = client.log_page(id, after, PAGE, filter).await?;
        let is_last = page.lines.is_empty() || page.next <= after;
        lines.extend(page.lines);
        if is_last {
            return Ok(lines);
        }
        after = page.next;
    }
}

/// The newest lines, without reading what comes before them when the server says where the end is.
pub(crate) async fn newest(
    client: &Client<'_>,
    id: &str,
    wanted: usize,
    filter: &LogFilter,
) -> Result<Vec<Value>, Error> {
    let mut start = 0;
    if filter.is_empty()
        && let Some(last) = client.log_page(id, 0, 1, filter).await?.last
    {
        start = last.saturating_sub(u64::try_from(wanted).unwrap_or(u64::MAX));
    }
    let mut lines = pages(client, id, start, filter).await?;
    let surplus = lines.len().saturating_sub(wanted);
    lines.drain(..surplus);
    Ok(lines)
}
