//! One question: a connection that is accepted, or a good answer to a GET.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use crate::target::Target;

/// A status line is short; what answers with more is not HTTP.
const STATUS_LINE: usize = 512;

/// Asks once. What comes back says what was seen, either way.
pub(crate) fn ask(target: &Target, timeout: Duration) -> Result<String, String> {
    let (host, port) = target.address();
    let addresses =
        (host, port).to_socket_addrs().map_err(|error| format!("the name is not known ({error})"))?;
    let mut last = "the name has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => {
                return match target {
                    Target::Tcp { .. } => Ok("accepts connections".to_owned()),
                    Target::Http { host, port, path } => get(stream, host, *port, path, timeout),
                };
            }
            Err(error) => last = format!("no connection ({error})"),
        }
    }
    Err(last)
}

fn get(
    mut stream: TcpStream,
    host: &str,
    port: u16,
    path: &str,
    timeout: Duration,
) -> Result<String, String> {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: pierhead\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    let asked = stream
        .set_read_timeout(Some(timeout))
        .and_then(|()| stream.set_write_timeout(Some(timeout)))
        .and_then(|()| stream.write_all(request.as_bytes()));
    asked.map_err(|error| format!("the request was not taken ({error})"))?;
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < STATUS_LINE && line.last() != Some(&b'\n') {
        match stream.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => line.push(byte[0]),
            Err(error) => return Err(format!("no answer ({error})")),
        }
    }
    match status(&line) {
        Some(status) if (200..400).contains(&status) => Ok(format!("answered {status}")),
        Some(status) => Err(format!("it answered {status}")),
        None => Err("it does not speak HTTP".to_owned()),
    }
}

/// `HTTP/1.1 200 OK` → 200.
fn status(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_status_line() {
        assert_eq!(status(b"HTTP/1.1 204 No Content\r\n"), Some(204));
        assert_eq!(status(b"HTTP/1.0 500\r\n"), Some(500));
        assert_eq!(status(b"SSH-2.0-OpenSSH\r\n"), None);
        assert_eq!(status(b"HTTP/1.1 \xff\r\n"), None);
    }
}
