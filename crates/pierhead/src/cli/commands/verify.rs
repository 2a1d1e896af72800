//! `verify`: the server checks its invariants; exit 1 when one is violated.

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::output::safe_text;
use crate::output::style::{BAD, GOOD, paint};

pub(crate) async fn run(context: &Context) -> Result<Exit, Error> {
    let verdict = context.client()?.verify().await?;
    context.show(&verdict.raw, || {
        let line = |check: &crate::cli::client::types::Check| {
            let word = if check.ok { paint(GOOD, "ok") + "      " } else { paint(BAD, "violated") };
            let detail = check
                .detail
                .as_ref()
                .map(|detail| format!(": {}", safe_text::plain(detail)))
                .unwrap_or_default();
            format!("{:<4} {word} {}{detail}", check.id, safe_text::plain(&check.name))
        };
        verdict.body.checks.iter().map(line).collect()
    })?;
    Ok(if verdict.body.ok { Exit::Done } else { Exit::Failure })
}
