//! Building an image with the classic builder.
//!
//! The builder limits each step's memory and processor, but the client types those numbers as 32 bits (2 GiB);
//! so they travel in the query by [`with_query`]. The build runs in a task that the returned stream owns:
//! dropping the stream closes the connection, which makes the engine stop and clean up.

use std::collections::HashMap;

use bollard::{Docker, body_try_stream, models::BuildInfo, query_parameters::BuildImageOptions};
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::{
    DockerEngine,
    call::{Call, classify, path_part},
};
use crate::{
    engine::ByteSource,
    error::{Error, Object, Result},
    image::{BuildCache, BuildEvent, BuildNetwork, BuildOptions, BuildStream, ImageId},
    spec::check_network,
};

/// Pieces of output between the engine and the reader; a slow reader slows the build, not the memory.
const QUEUE: usize = 256;

impl DockerEngine {
    pub(super) fn build(&self, context: ByteSource, options: &BuildOptions) -> Result<BuildStream> {
        path_part(Object::Image, &options.tag)?;
        if let BuildNetwork::Named(network) = &options.network {
            check_network(network)?;
        }
        let docker = with_query(&self.docker, &limits(options));
        let request = request(options);
        let (events, received) = mpsc::channel(QUEUE);
        let task = AbortOnDropHandle::new(tokio::spawn(async move {
            pump(&docker, request, context, &events).await;
        }));
        Ok(Box::pin(futures::stream::unfold((received, task), |(mut received, task)| async move {
            let event = received.recv().await?;
            Some((event, (received, task)))
        })))
    }
}

async fn pump(
    docker: &Docker,
    request: BuildImageOptions,
    context: ByteSource,
    events: &mpsc::Sender<Result<BuildEvent>>,
) {
    let mut built = None;
    let mut answers = Box::pin(docker.build_image(request, None, Some(body_try_stream(context))));
    while let Some(answer) = answers.next().await {
        let event = match answer {
            Ok(info) => match output(info, &mut built) {
                Some(event) => Ok(event),
                None => continue,
            },
            Err(error) => Err(failure(error)),
        };
        let last = event.is_err();
        if events.send(event).await.is_err() || last {
            return;
        }
    }
    if let Some(id) = built {
        // Nobody listening any more is no failure of the build.
        let _gone = events.send(Ok(BuildEvent::Built(id))).await;
    }
}

fn output(info: BuildInfo, built: &mut Option<ImageId>) -> Option<BuildEvent> {
    if let Some(id) = info.aux.and_then(|aux| aux.id) {
        *built = Some(ImageId::new(id));
    }
    let text = info.stream.or(info.status.map(|status| status + "\n"))?;
    Some(BuildEvent::Output(text.into()))
}

/// A failing step is the repository's fault and its message is for the user; a full disk is not.
fn failure(error: bollard::errors::Error) -> Error {
    let call = Call::plain("building an image");
    match error {
        bollard::errors::Error::DockerStreamError { error: message }
            if !message.to_lowercase().contains("no space left on device") =>
        {
            let hint = if message.contains("--mount") {
                "; this engine's builder has no `RUN --mount`, remove it"
            } else {
                ""
            };
            Error::Refused { reason: format!("{}{hint}", message.trim()) }
        }
        error => classify(error, call),
    }
}

fn request(options: &BuildOptions) -> BuildImageOptions {
    BuildImageOptions {
        dockerfile: options.dockerfile.clone(),
        t: Some(options.tag.clone()),
        target: options.target.clone().unwrap_or_default(),
        buildargs: Some(options.args.clone().into_iter().collect::<HashMap<_, _>>()),
        labels: Some(options.labels.clone().into_iter().collect::<HashMap<_, _>>()),
        nocache: options.cache == BuildCache::Ignore,
        networkmode: Some(match &options.network {
            BuildNetwork::None => "none".to_owned(),
            BuildNetwork::Named(name) => name.clone(),
            BuildNetwork::EngineDefault => "default".to_owned(),
        }),
        rm: true,
        forcerm: true,
        ..Default::default()
    }
}

/// The length of a scheduling period; the quota is what of it may be used.
const CPU_PERIOD_MICROS: u64 = 100_000;

fn limits(options: &BuildOptions) -> Vec<(String, String)> {
    let quota = u64::from(options.cpu_millis) * CPU_PERIOD_MICROS / 1000;
    [
        ("memory", options.memory_bytes),
        ("memswap", options.memory_bytes),
        ("cpuperiod", CPU_PERIOD_MICROS),
        ("cpuquota", quota.max(1000)),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_string()))
    .into()
}

/// A client that adds these parameters to the query of every request, for what its own options cannot say.
pub(super) fn with_query(docker: &Docker, extra: &[(String, String)]) -> Docker {
    let extra: String = extra.iter().map(|(key, value)| format!("&{key}={}", encoded(value))).collect();
    docker.clone().with_request_modifier(move |mut request| {
        let with_extra = format!("{}{extra}", request.uri());
        if let Ok(uri) = with_extra.parse() {
            *request.uri_mut() = uri;
        }
        request
    })
}

fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _infallible = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_are_encoded_whole() {
        assert_eq!(encoded("a b&c=d\"é"), "a%20b%26c%3Dd%22%C3%A9");
    }
}
