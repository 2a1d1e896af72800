//! One call to the engine: what it was about, and what its failure means.
//!
//! Docker says what is wrong in a status and a sentence. The sentences matched here are those of 20.10 to 29;
//! an unknown one becomes [`Error::Refused`] when the status blames the request, [`Error::Other`] otherwise.

use std::sync::Arc;

use bollard::errors::Error as Docker;

use crate::{
    error::{Error, Object, Result},
    spec::Labels,
};

/// What a call was about, for its errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) operation: &'static str,
    object: Option<(Object, &'a str)>,
}

impl<'a> Call<'a> {
    /// About the engine itself.
    pub(super) fn plain(operation: &'static str) -> Self {
        Self { operation, object: None }
    }

    pub(super) fn on(operation: &'static str, object: Object, name: &'a str) -> Self {
        Self { operation, object: Some((object, name)) }
    }
}

pub(super) fn classify(error: Docker, call: Call<'_>) -> Error {
    let operation = call.operation;
    match error {
        Docker::DockerResponseServerError { status_code, message } => answer(status_code, message, call),
        Docker::DockerStreamError { error: message } => answer(500, message, call),
        Docker::RequestTimeoutError => Error::Timeout { operation, after: super::CLIENT_LIMIT },
        error @ (Docker::SocketNotFoundError(_)
        | Docker::IOError { .. }
        | Docker::HyperResponseError { .. }
        | Docker::HyperLegacyError { .. }) => Error::Unavailable { operation, cause: Some(Arc::new(error)) },
        error => Error::Other { operation, cause: Some(Arc::new(error)) },
    }
}

fn answer(status: u16, message: String, call: Call<'_>) -> Error {
    let operation = call.operation;
    let text = message.to_lowercase();
    if text.contains("no space left on device") {
        return Error::OutOfSpace { operation };
    }
    if text.contains("no such image") {
        let named = message.rsplit_once("image: ").map_or("", |(_, name)| name.trim());
        return Error::NoSuchImage { image: named.to_owned() };
    }
    match (status, call.object) {
        (404, Some((object, name))) => Error::not_found(object, name),
        // Docker forbids removing a network that is in use, where for all else it speaks of a conflict.
        (409, Some((object, name))) => Error::conflict(object, name, message),
        (403, Some((Object::Network, name))) if text.contains("active endpoints") => {
            Error::conflict(Object::Network, name, message)
        }
        (503, _) => Error::Unavailable { operation, cause: Some(cause(message)) },
        (400..=499, _) => Error::Refused { reason: message },
        _ => Error::Other { operation, cause: Some(cause(message)) },
    }
}

fn cause(message: String) -> crate::error::Cause {
    Arc::from(Box::<dyn std::error::Error + Send + Sync>::from(message)) as crate::error::Cause
}

/// The engine's filter for objects that carry all these labels.
pub(super) fn label_filter(labels: &Labels) -> Option<std::collections::HashMap<String, Vec<String>>> {
    let pairs = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    (!labels.is_empty()).then(|| [("label".to_owned(), pairs)].into())
}

/// Refuses what would change the path of the request it is put into.
///
/// References and names may come from users; engines' references need nothing beyond these characters.
pub(super) fn path_part(object: Object, text: &str) -> Result<&str> {
    let fits = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-:/@".contains(&byte))
        && !text.starts_with(['/', '.'])
        && !text.contains("..")
        && !text.contains("//");
    if fits {
        Ok(text)
    } else {
        Err(Error::refused(format!("`{}` is not a name of {object}s", text.escape_debug())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, message: &str, object: Object) -> Error {
        let error = Docker::DockerResponseServerError { status_code: status, message: message.to_owned() };
        classify(error, Call::on("testing", object, "x"))
    }

    #[test]
    fn answers_become_what_a_caller_can_act_on() {
        use Object::{Container, Image, Network, Volume};
        type Case = (u16, &'static str, Object, fn(&Error) -> bool);
        let table: &[Case] = &[
            (404, "No such container: x", Container, Error::is_not_found),
            (
                404,
                "No such image: a:b",
                Container,
                |e| matches!(e, Error::NoSuchImage { image } if image == "a:b"),
            ),
            (409, "You cannot remove a running container", Container, |e| {
                matches!(e, Error::Conflict { .. })
            }),
            (403, "error while removing network: network x id 1 has active endpoints", Network, |e| {
                matches!(e, Error::Conflict { .. })
            }),
            (409, "remove x: volume is in use - [1]", Volume, |e| matches!(e, Error::Conflict { .. })),
            (400, "OCI runtime create failed: executable file not found", Container, |e| {
                matches!(e, Error::Refused { .. })
            }),
            (500, "write /var/lib/docker/x: no space left on device", Image, |e| {
                matches!(e, Error::OutOfSpace { .. })
            }),
            (503, "starting", Container, |e| matches!(e, Error::Unavailable { .. })),
            (500, "something", Container, |e| matches!(e, Error::Other { .. })),
        ];
        for (status, message, object, is_right) in table {
            let error = said(*status, message, *object);
            assert!(is_right(&error), "{status} {message}: {error:?}");
        }
    }

    #[test]
    fn the_engines_words_are_the_cause_not_the_display() {
        let error = said(500, "inner words", Object::Container);
        assert!(!error.to_string().contains("inner words"));
        assert_eq!(
            std::error::Error::source(&error).map(ToString::to_string).as_deref(),
            Some("inner words")
        );
    }

    #[test]
    fn names_cannot_change_the_path() {
        for good in ["a", "a:b", "registry.example:5000/a/b@sha256:00", "sha256:00"] {
            path_part(Object::Image, good).expect(good);
        }
        for bad in ["", "../containers/x", "a?b", "a#b", "a b", "/a", "a//b", "a%2fb", "a\n"] {
            assert!(path_part(Object::Image, bad).is_err(), "{bad:?}");
        }
    }
}
