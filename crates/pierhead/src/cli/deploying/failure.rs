//! A deployment failed: what happened, the end of the log, and what visitors see now.

use pierhead_model::log::LogStream;

use super::super::client::Client;
use super::super::client::calls::LogFilter;
use super::super::client::types::Deployment;
use super::super::commands::logs;
use super::super::context::Context;
use super::super::error::Error;
use super::{ShowLogs, milestones};
use crate::output::humane;
use crate::output::safe_text;
use crate::output::style::{BAD, paint};

/// Lines of the failing step that are shown.
const TAIL: usize = 20;

/// Says everything on stderr; the error that comes back only carries the exit code.
pub(super) async fn explain(
    context: &Context,
    client: &Client<'_>,
    deployment: &Deployment,
    show: ShowLogs,
) -> Error {
    let printer = &context.printer;
    let (code, detail) = match &deployment.failure {
        Some(failure) => (failure.code.clone(), failure.detail.clone()),
        None => ("unknown".to_owned(), "no reason was recorded".to_owned()),
    };
    let mark = paint(BAD, printer.symbols().failed);
    if !context.json() {
        printer.complain(&format!(
            "{mark} {:<12} {}",
            milestones::failed_in(deployment),
            safe_text::plain(&detail)
        ));
        if show == ShowLogs::Tail {
            tail(context, client, deployment).await;
        }
        let unchanged = still_live(context, client, deployment).await.unwrap_or_default();
        printer.complain(&format!("{mark} {:<12} {}.{unchanged}", "Failed", safe_text::plain(&code)));
    }
    Error::DeploymentFailed { id: deployment.id.clone(), code, detail }
}

async fn tail(context: &Context, client: &Client<'_>, deployment: &Deployment) {
    let Ok(lines) = logs::newest(client, &deployment.id, TAIL, &LogFilter::default()).await else { return };
    // What Pierhead itself said of the failure is the detail above.
    let shown: Vec<_> = lines.iter().filter_map(|line| logs::understand(line).ok()).collect();
    let shown: Vec<_> = shown.into_iter().filter(|line| line.stream != LogStream::System).collect();
    if shown.is_empty() {
        return;
    }
    let printer = &context.printer;
    printer.complain("");
    for line in &shown {
        printer.complain(&format!("    {}", safe_text::with_colors(&line.text)));
    }
    let earlier = shown.first().map_or(0, |first| first.number.saturating_sub(1));
    if earlier > 0 {
        printer.complain(&format!("    ({earlier} earlier lines: pierhead logs {} --build)", deployment.id));
    }
    printer.complain("");
}

/// ` Production is unchanged: v17, live since 2 h.`
async fn still_live(context: &Context, client: &Client<'_>, deployment: &Deployment) -> Option<String> {
    let slots = client.slots(&deployment.project).await.ok()?.body;
    let live = slots.into_iter().find(|slot| slot.name == deployment.slot)?.live?;
    let live = client.deployment(&live).await.ok()?.body;
    let mut slot = deployment.slot.clone();
    if let Some(first) = slot.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let since = match live.live_since() {
        Some(since) if context.printer.stderr_is_terminal() => {
            format!(", live since {}", humane::duration(humane::between(since, context.now())))
        }
        Some(since) => format!(", live since {since:.0}"),
        None => String::new(),
    };
    Some(format!(" {slot} is unchanged: {}{since}.", live.version()))
}
