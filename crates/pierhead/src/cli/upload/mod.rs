//! A folder on its way to the server: looked through, named by digest, and only what is missing there is sent.
//!
//! What arrived before a cut is not sent again: the server is asked each time.

mod gather;

use std::path::{Path, PathBuf};

use futures::{StreamExt as _, TryStreamExt as _};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use pierhead_model::digest::Digest;

use self::gather::Gathered;
use super::client::Client;
use super::context::Context;
use super::error::Error;

/// Files that are sent at a time.
const AT_ONCE: usize = 8;

/// Hands a folder over; what a deployment names it by.
pub(crate) async fn upload(
    context: &Context,
    client: &Client<'_>,
    project: &str,
    folder: &Path,
) -> Result<String, Error> {
    let from = folder.to_owned();
    let gathered = tokio::task::spawn_blocking(move || gather::gather(&from)).await;
    let Gathered { tree, paths } = gathered
        .map_err(|error| Error::local("the folder cannot be looked through", error, "Try again."))??;
    let announced = client.upload_begin(project, &tree).await?.body;
    let mut missing: Vec<(Digest, PathBuf, u64)> = Vec::new();
    for text in &announced.missing {
        let digest: Digest = text.parse().map_err(|error: pierhead_model::digest::InvalidDigest| {
            Error::Garbled { url: client.base().to_string(), why: error.to_string() }
        })?;
        if let Some((path, size)) = paths.get(&digest) {
            missing.push((digest, path.clone(), *size));
        }
    }
    let bytes: u64 = missing.iter().map(|(_, _, size)| size).sum();
    let files = announced.files;
    let told = match missing.len() {
        0 => format!("{files} files, all of them there already"),
        sent => format!("{files} files, sending {sent} of them ({})", HumanBytes(bytes)),
    };
    context.say(&told);
    let bar = if context.printer.animates() { ProgressBar::new(bytes) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("  {bar:32} {bytes}/{total_bytes} {bytes_per_sec}") {
        bar.set_style(style);
    }
    futures::stream::iter(missing)
        .map(|(digest, path, size)| {
            let bar = &bar;
            async move {
                client.upload_put(project, &digest.to_hex(), path, size).await?;
                bar.inc(size);
                Ok::<(), Error>(())
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    bar.finish_and_clear();
    Ok(announced.upload)
}
