//! What is waited for, read from the parameters.

use std::fmt;

use crate::contract::{BAD_INPUT, Failure, Input};

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Tcp {
        host: String,
        port: u16,
    },
    /// `path` begins with a slash and holds nothing that would end a request line.
    Http {
        host: String,
        port: u16,
        path: String,
    },
}

impl Target {
    /// Exactly one of the parameters `tcp` and `http`.
    pub(crate) fn of(input: &Input) -> Result<Self, Failure> {
        match (input.text("tcp")?, input.text("http")?) {
            (Some(address), None) => {
                let (host, port) =
                    address.rsplit_once(':').ok_or_else(|| bad("tcp", address, "host:port"))?;
                let port = port
                    .parse()
                    .ok()
                    .filter(|port| *port > 0)
                    .ok_or_else(|| bad("tcp", address, "host:port"))?;
                Ok(Self::Tcp { host: host_of(host).ok_or_else(|| bad("tcp", address, "host:port"))?, port })
            }
            (None, Some(url)) => http(url),
            _ => Err(Failure::new(BAD_INPUT, "exactly one of the parameters `tcp` and `http` must be set")),
        }
    }

    pub(crate) fn address(&self) -> (&str, u16) {
        match self {
            Self::Tcp { host, port } | Self::Http { host, port, .. } => (host, *port),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Http { host, port, path } => write!(f, "http://{host}:{port}{path}"),
        }
    }
}

fn http(url: &str) -> Result<Target, Failure> {
    const SHAPE: &str = "http://host:port/path";
    if url.starts_with("https://") {
        let text =
            "`http` waits for plain http inside of a deployment; for https use the plugin http-request";
        return Err(Failure::new(BAD_INPUT, text));
    }
    let rest = url.strip_prefix("http://").ok_or_else(|| bad("http", url, SHAPE))?;
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('/') => (&rest[..at], rest[at..].to_owned()),
        Some(at) => (&rest[..at], format!("/{}", &rest[at..])),
        None => (rest, "/".to_owned()),
    };
    let path = path.split('#').next().unwrap_or("/").to_owned();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            (host, port.parse().ok().filter(|port| *port > 0).ok_or_else(|| bad("http", url, SHAPE))?)
        }
        _ => (authority, 80),
    };
    let host = host_of(host).ok_or_else(|| bad("http", url, SHAPE))?;
    // A line break or a space would begin another header or request.
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(bad("http", url, SHAPE));
    }
    Ok(Target::Http { host, port, path })
}

/// A host name or an address, without the brackets of IPv6.
fn host_of(text: &str) -> Option<String> {
    let host = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let fits = !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':'));
    fits.then(|| host.to_owned())
}

fn bad(parameter: &str, value: &str, shape: &str) -> Failure {
    Failure::new(BAD_INPUT, format!("the parameter `{parameter}` is {value:?}, and not {shape}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(parameters: &str) -> Result<String, u8> {
        let input = Input::parse(&format!(r#"{{"version":1,"action":"create","parameters":{parameters}}}"#));
        input
            .and_then(|input| Target::of(&input))
            .map(|target| target.to_string())
            .map_err(|failure| failure.code)
    }

    #[test]
    fn targets() {
        for (parameters, shown) in [
            (r#"{"tcp":"db:5432"}"#, "db:5432"),
            (r#"{"tcp":"[::1]:80"}"#, "::1:80"),
            (r#"{"http":"http://web"}"#, "http://web:80/"),
            (r#"{"http":"http://web:8080/a?b=c#d"}"#, "http://web:8080/a?b=c"),
            (r#"{"http":"http://web?b"}"#, "http://web:80/?b"),
        ] {
            assert_eq!(target(parameters), Ok(shown.to_owned()));
        }
        for parameters in [
            "{}",
            r#"{"tcp":"db:1","http":"http://x"}"#,
            r#"{"tcp":"db"}"#,
            r#"{"tcp":"db:0"}"#,
            r#"{"tcp":"db:99999"}"#,
            r#"{"tcp":":80"}"#,
            r#"{"tcp":"a b:80"}"#,
            r#"{"http":"https://web"}"#,
            r#"{"http":"ftp://web"}"#,
            r#"{"http":"http://user:pw@web/"}"#,
            r#"{"http":"http://web/ HTTP/1.1\r\nX: y"}"#,
            r#"{"http":7}"#,
        ] {
            assert_eq!(target(parameters), Err(BAD_INPUT), "{parameters}");
        }
    }
}
