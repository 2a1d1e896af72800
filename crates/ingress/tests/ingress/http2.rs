//! HTTP/2 as RFC 9113 has it, frame by frame: what breaks the rules gets the error that the rules name, reaches no application, and
//! takes no other request with it where the rules say that it need not.

use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::client::PATIENCE;
use crate::support::TestIngress;
use crate::tls::{certificate, connect, with_tls};
use crate::upstream::App;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const COMPRESSION_ERROR: u32 = 9;
const ENHANCE_YOUR_CALM: u32 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Never compressed, never remembered.
fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, name.len() as u8];
    bytes.extend(name);
    bytes.push(value.len() as u8);
    bytes.extend(value);
    bytes
}

type Fields<'a> = &'a [(&'a str, &'a str)];

fn block(fields: Fields<'_>) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| field(name.as_bytes(), value.as_bytes())).collect()
}

const GET: Fields<'static> =
    &[(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "x.test")];
const POST: Fields<'static> =
    &[(":method", "POST"), (":scheme", "https"), (":path", "/upload"), (":authority", "x.test")];

fn request(stream: u32, fields: Fields<'_>) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(fields))
}

fn upload(stream: u32, fields: Fields<'_>) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &block(fields))
}

/// A `GET` with one field more.
fn with(name: &str, value: &str) -> Vec<u8> {
    request(1, &[GET, &[(name, value)]].concat())
}

/// A `GET` with other pseudo fields.
fn pseudo(fields: Fields<'_>) -> Vec<u8> {
    request(1, fields)
}

fn setting(number: u16, value: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[&number.to_be_bytes()[..], &value.to_be_bytes()[..]].concat())
}

fn window(stream: u32, more: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &more.to_be_bytes())
}

/// What the rules say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// The connection ends with this error (or a generic one), or is closed at once.
    Connection(u32),
    /// The stream ends with this error; that a connection ends instead is allowed.
    Stream(u32),
    /// The request is malformed: a stream error, or an answer that says so (section 8.1.1).
    Malformed,
    /// Nothing is wrong with it.
    Fine,
    /// It is against the rules, and the library that speaks HTTP/2 here answers all the same. It does no harm: what is not understood is
    /// not passed on.
    Tolerated,
}

use Rule::{Connection, Fine, Malformed, Stream, Tolerated};

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    GoAway(u32),
    Reset(u32),
    Status(u16),
    Closed,
    Silence,
}

struct Peer {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

impl Peer {
    async fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        loop {
            if let [a, b, c, kind, flags, s0, s1, s2, s3, ..] = *self.buffer {
                let end = 9 + u32::from_be_bytes([0, a, b, c]) as usize;
                if self.buffer.len() >= end {
                    let frame: Vec<u8> = self.buffer.drain(..end).collect();
                    let stream = u32::from_be_bytes([s0, s1, s2, s3]);
                    return Some((kind, flags, stream, frame[9..].to_vec()));
                }
            }
            if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The first thing that is said of `stream`, or of the connection.
    async fn outcome(&mut self, of: u32) -> Seen {
        let look = async {
            loop {
                let Some((kind, _, stream, payload)) = self.next().await else { return Seen::Closed };
                let code = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
                match kind {
                    GOAWAY => return Seen::GoAway(code(4)),
                    RST_STREAM if stream == of => return Seen::Reset(code(0)),
                    HEADERS if stream == of => return Seen::Status(status(&payload)),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE / 4, look).await.unwrap_or(Seen::Silence)
    }
}

/// From the static table of HPACK, or a literal with an indexed name.
fn status(block: &[u8]) -> u16 {
    match block {
        [index @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500][usize::from(index - 0x88)],
        [0x48, 0x83, rest @ ..] => {
            // Three digits by Huffman: "0" to "2" have five bits (0 to 2), "3" to "9" six (0x19 to 0x1f).
            let bits = rest.iter().take(3).flat_map(|byte| (0..8).rev().map(move |at| (byte >> at) & 1));
            let (mut digits, mut code, mut length) = (0, 0, 0);
            let mut number = 0;
            for bit in bits {
                (code, length) = ((code << 1) | u16::from(bit), length + 1);
                let digit = match (length, code) {
                    (5, 0..=2) => code,
                    (6, 0x19..=0x1f) => code - 0x19 + 3,
                    _ => continue,
                };
                number = number * 10 + digit;
                (code, length, digits) = (0, 0, digits + 1);
                if digits == 3 {
                    break;
                }
            }
            number
        }
        [0x48, 0x82, rest @ ..] => status(&[&[0x48, 0x83], rest].concat()),
        [0x48, 3, digits @ ..] => std::str::from_utf8(&digits[..3]).unwrap().parse().unwrap(),
        other => panic!("another beginning: {other:x?}"),
    }
}

async fn speak(
    ingress: &TestIngress,
    trusted: &pierhead_wire::certificate::Certificate,
    preface: &[u8],
) -> Peer {
    let mut stream = connect(ingress, "x.test", trusted, &["h2"]).await.unwrap();
    stream.write_all(preface).await.unwrap();
    Peer { stream, buffer: Vec::new() }
}

fn cases() -> Vec<(&'static str, Vec<u8>, Rule)> {
    let long = vec![0; 16_385];
    let opened = upload(1, POST);
    let after = |first: &[u8], then: Vec<u8>| [first, &then].concat();
    let closed = after(&request(1, GET), Vec::new());
    vec![
        ("a request", request(1, GET), Fine),
        ("a frame of a type that there is not", after(&frame(0x16, 0, 0, b"x"), request(1, GET)), Fine),
        ("a setting that there is not", after(&setting(0x99, 1), request(1, GET)), Fine),
        ("flags that say nothing here", after(&frame(PING, 0xf6, 0, &[0; 8]), request(1, GET)), Fine),
        (
            "priorities, which say nothing any more",
            after(&frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 9]), request(1, GET)),
            Fine,
        ),
        (
            "padding",
            {
                let fields = block(GET);
                let padded = [&[3][..], &fields, &[0; 3]].concat();
                frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1, &padded)
            },
            Fine,
        ),
        (
            "fields in several pieces",
            {
                let fields = block(GET);
                let first = frame(HEADERS, END_STREAM, 1, &fields[..5]);
                after(&first, frame(CONTINUATION, END_HEADERS, 1, &fields[5..]))
            },
            Fine,
        ),
        // Section 4.2
        (
            "data beyond the size of frames",
            after(&opened, frame(DATA, END_STREAM, 1, &long)),
            Stream(FRAME_SIZE_ERROR),
        ),
        (
            "fields beyond the size of frames",
            frame(HEADERS, END_HEADERS, 1, &long),
            Connection(FRAME_SIZE_ERROR),
        ),
        // Section 4.3
        (
            "an index that there is not",
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x80]),
            Connection(COMPRESSION_ERROR),
        ),
        (
            "an index beyond the table",
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff, 0xff, 0x0f]),
            Connection(COMPRESSION_ERROR),
        ),
        (
            "a table larger than was allowed",
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x3f, 0xff, 0xff, 0x0f]),
            Connection(COMPRESSION_ERROR),
        ),
        // Section 5.1
        ("data of a stream that is not open", frame(DATA, END_STREAM, 1, b"x"), Connection(PROTOCOL_ERROR)),
        (
            "a reset of a stream that is not open",
            frame(RST_STREAM, 0, 1, &[0; 4]),
            Connection(PROTOCOL_ERROR),
        ),
        ("a window of a stream that is not open", window(1, 1), Connection(PROTOCOL_ERROR)),
        ("a stream of the server's", request(2, GET), Connection(PROTOCOL_ERROR)),
        (
            "a stream that was passed over",
            after(&request(5, GET), request(3, GET)),
            Connection(PROTOCOL_ERROR),
        ),
        (
            "data after the end",
            after(&after(&opened, frame(DATA, END_STREAM, 1, b"x")), frame(DATA, END_STREAM, 1, b"y")),
            Stream(STREAM_CLOSED),
        ),
        // Section 6.1 to 6.3
        ("data of the connection", frame(DATA, 0, 0, b"x"), Connection(PROTOCOL_ERROR)),
        (
            "more padding than data",
            after(&opened, frame(DATA, PADDED | END_STREAM, 1, &[9, 0])),
            Connection(PROTOCOL_ERROR),
        ),
        (
            "fields of the connection",
            frame(HEADERS, END_HEADERS | END_STREAM, 0, &block(GET)),
            Connection(PROTOCOL_ERROR),
        ),
        (
            "more padding than fields",
            frame(HEADERS, END_HEADERS | PADDED, 1, &[200, 0x82]),
            Connection(PROTOCOL_ERROR),
        ),
        ("a priority of the connection", frame(PRIORITY, 0, 0, &[0; 5]), Connection(PROTOCOL_ERROR)),
        ("a short priority", after(&opened, frame(PRIORITY, 0, 1, &[0; 4])), Stream(FRAME_SIZE_ERROR)),
        // Section 6.4
        ("a reset of the connection", frame(RST_STREAM, 0, 0, &[0; 4]), Connection(PROTOCOL_ERROR)),
        ("a short reset", after(&opened, frame(RST_STREAM, 0, 1, &[0; 3])), Connection(FRAME_SIZE_ERROR)),
        // Section 6.5
        ("settings of a stream", frame(SETTINGS, 0, 1, &[]), Connection(PROTOCOL_ERROR)),
        ("settings in halves", frame(SETTINGS, 0, 0, &[0; 5]), Connection(FRAME_SIZE_ERROR)),
        (
            "settings that are seen and say something",
            frame(SETTINGS, ACK, 0, &[0; 6]),
            Connection(FRAME_SIZE_ERROR),
        ),
        ("half a wish for pushes", setting(2, 2), Connection(PROTOCOL_ERROR)),
        ("a window that is too large", setting(4, 0x8000_0000), Connection(FLOW_CONTROL_ERROR)),
        ("frames that are too small", setting(5, 16_383), Connection(PROTOCOL_ERROR)),
        ("frames that are too large", setting(5, 1 << 24), Connection(PROTOCOL_ERROR)),
        // Section 6.6 to 6.8
        (
            "a push of a client's",
            after(&opened, frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82])),
            Connection(PROTOCOL_ERROR),
        ),
        ("a ping of a stream", frame(PING, 0, 1, &[0; 8]), Connection(PROTOCOL_ERROR)),
        ("a short ping", frame(PING, 0, 0, &[0; 7]), Connection(FRAME_SIZE_ERROR)),
        ("a farewell of a stream", frame(GOAWAY, 0, 1, &[0; 8]), Connection(PROTOCOL_ERROR)),
        // Section 6.9
        ("a window of nothing", window(0, 0), Connection(PROTOCOL_ERROR)),
        ("a stream's window of nothing", after(&opened, window(1, 0)), Stream(PROTOCOL_ERROR)),
        ("a short window", frame(WINDOW_UPDATE, 0, 0, &[0; 3]), Connection(FRAME_SIZE_ERROR)),
        ("a window that overflows", window(0, 0x7fff_ffff), Connection(FLOW_CONTROL_ERROR)),
        (
            "a stream's window that overflows",
            after(&opened, window(1, 0x7fff_ffff)),
            Stream(FLOW_CONTROL_ERROR),
        ),
        // Section 6.10
        ("the rest of nothing", frame(CONTINUATION, END_HEADERS, 1, &block(GET)), Connection(PROTOCOL_ERROR)),
        (
            "the rest after the end",
            after(&closed, frame(CONTINUATION, END_HEADERS, 1, &block(GET))),
            Connection(PROTOCOL_ERROR),
        ),
        (
            "something else before the rest",
            after(&frame(HEADERS, END_STREAM, 1, &block(GET)), frame(PING, 0, 0, &[0; 8])),
            Connection(PROTOCOL_ERROR),
        ),
        (
            "another stream's rest",
            after(&frame(HEADERS, END_STREAM, 1, &block(GET)), frame(CONTINUATION, END_HEADERS, 3, &[])),
            Connection(PROTOCOL_ERROR),
        ),
        // Section 8.1 to 8.3
        ("upper case", with("X-Upper", "1"), Malformed),
        ("a name with a blank", with("x y", "1"), Malformed),
        ("a name with a colon", with("x:y", "1"), Malformed),
        ("a value over two lines", with("x", "1\r\nhost: y.test"), Malformed),
        ("a value with a zero", with("x", "1\0"), Malformed),
        ("connection", with("connection", "close"), Malformed),
        ("keep-alive", with("keep-alive", "1"), Malformed),
        ("proxy-connection", with("proxy-connection", "close"), Malformed),
        ("transfer-encoding", with("transfer-encoding", "chunked"), Malformed),
        ("upgrade", with("upgrade", "websocket"), Malformed),
        ("te, but for trailers", with("te", "gzip"), Malformed),
        ("te: trailers", with("te", "trailers"), Fine),
        ("another host", with("host", "y.test"), Malformed),
        ("the same host", with("host", "x.test"), Fine),
        ("a pseudo field that there is not", with(":x", "1"), Malformed),
        ("a pseudo field of answers", with(":status", "200"), Malformed),
        (
            "a pseudo field after another",
            request(
                1,
                &[
                    (":method", "GET"),
                    ("x", "1"),
                    (":scheme", "https"),
                    (":path", "/"),
                    (":authority", "x.test"),
                ],
            ),
            Malformed,
        ),
        ("no method", pseudo(&GET[1..]), Malformed),
        ("no scheme", pseudo(&[GET[0], GET[2], GET[3]]), Malformed),
        ("no path", pseudo(&[GET[0], GET[1], GET[3]]), Malformed),
        ("an empty path", pseudo(&[GET[0], GET[1], (":path", ""), GET[3]]), Malformed),
        ("a path that is none", pseudo(&[GET[0], GET[1], (":path", "x"), GET[3]]), Malformed),
        ("two methods", request(1, &[GET, &[GET[0]]].concat()), Malformed),
        ("two paths", request(1, &[&[GET[2]], GET].concat()), Malformed),
        (
            "less than was announced",
            after(
                &upload(1, &[POST, &[("content-length", "5")]].concat()),
                frame(DATA, END_STREAM, 1, b"abc"),
            ),
            Malformed,
        ),
        (
            "more than was announced",
            after(
                &upload(1, &[POST, &[("content-length", "2")]].concat()),
                frame(DATA, END_STREAM, 1, b"abc"),
            ),
            Malformed,
        ),
        (
            "two lengths",
            request(1, &[GET, &[("content-length", "0"), ("content-length", "1")]].concat()),
            Malformed,
        ),
        (
            "a pseudo field in trailers",
            after(&opened, frame(HEADERS, END_HEADERS | END_STREAM, 1, &field(b":path", b"/"))),
            Tolerated,
        ),
        (
            "trailers that are not the end",
            after(&opened, frame(HEADERS, END_HEADERS, 1, &field(b"x", b"1"))),
            Malformed,
        ),
        ("trailers", after(&opened, frame(HEADERS, END_HEADERS | END_STREAM, 1, &field(b"x", b"1"))), Fine),
        ("a way through", pseudo(&[(":method", "CONNECT"), (":authority", "y.test:443")]), Malformed),
        (
            "fields without end",
            after(&request(1, GET), {
                let mut endless = frame(HEADERS, END_STREAM, 3, &block(GET));
                endless.extend((0..50_000).flat_map(|_| frame(CONTINUATION, 0, 3, &[])));
                endless
            }),
            Connection(ENHANCE_YOUR_CALM),
        ),
        (
            "streams that are taken back at once",
            {
                (0..2_000)
                    .flat_map(|number| {
                        after(
                            &request(2 * number + 1, GET),
                            frame(RST_STREAM, 0, 2 * number + 1, &[0, 0, 0, 8]),
                        )
                    })
                    .collect()
            },
            Connection(ENHANCE_YOUR_CALM),
        ),
    ]
}

/// Whether what was seen is what the rules ask for.
fn is_right(rule: Rule, seen: Seen) -> bool {
    match (rule, seen) {
        (Fine | Tolerated, Seen::Status(200)) => true,
        (Connection(_), Seen::Closed) => true,
        (Connection(code) | Stream(code), Seen::GoAway(said)) => said == code || said == PROTOCOL_ERROR,
        (Stream(code), Seen::Reset(said)) => said == code || said == PROTOCOL_ERROR,
        (Malformed, Seen::Reset(PROTOCOL_ERROR) | Seen::GoAway(PROTOCOL_ERROR) | Seen::Status(400)) => true,
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_the_rules_gets_the_error_that_they_name() {
    let app = App::start("A").await;
    let one = certificate(&["x.test"]);
    let ingress = with_tls(&app, &[&one]).await;
    let preface = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let mut wrong = Vec::new();
    for (name, bytes, rule) in cases() {
        let before = app.state.requests.load(Ordering::SeqCst);
        let mut peer = speak(&ingress, &one, &preface).await;
        // A server that has ended the connection takes nothing more.
        let _ = peer.stream.write_all(&bytes).await;
        let of = if matches!(rule, Connection(_)) { 0 } else { 1 };
        let seen = peer.outcome(of).await;
        if !is_right(rule, seen) {
            wrong.push(format!("{name}: {seen:?} instead of {rule:?}"));
        }
        if rule == Malformed && app.state.requests.load(Ordering::SeqCst) != before && !is_upload(&bytes) {
            wrong.push(format!("{name}: reached the application"));
        }
        // What concerns one stream leaves the others alone.
        if matches!(seen, Seen::Reset(_) | Seen::Status(_)) {
            peer.stream.write_all(&request(101, GET)).await.unwrap();
            let next = peer.outcome(101).await;
            if next != Seen::Status(200) {
                wrong.push(format!("{name}: the next request saw {next:?}"));
            }
        }
    }
    for (name, start, of, rule) in [
        (
            "another protocol",
            b"GET / HTTP/1.1\r\nhost: x.test\r\n\r\n".to_vec(),
            0,
            Connection(PROTOCOL_ERROR),
        ),
        ("no settings", [PREFACE, &request(1, GET)].concat(), 1, Tolerated),
    ] {
        let mut peer = speak(&ingress, &one, &start).await;
        let seen = peer.outcome(of).await;
        if !is_right(rule, seen) {
            wrong.push(format!("{name}: {seen:?} instead of {rule:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(ingress.handle.counts().answers[5], 0);
}

/// What an application has begun to read before it could be seen that it is malformed.
fn is_upload(bytes: &[u8]) -> bool {
    bytes[9..].starts_with(&block(&POST[..1]))
}
