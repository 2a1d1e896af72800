//! A second look at the heads of requests, at the bytes themselves, for what hyper forgives.
//!
//! hyper takes a bare line feed for the end of a line, and where there are both `Transfer-Encoding` and `Content-Length` it
//! drops the length without a word. Both are allowed readings, but a proxy in front of us may read otherwise, and then the
//! two disagree about where one request ends and the next begins: that is request smuggling. So such a request is refused.
//!
//! The guard follows a connection from head to head by itself. Where it could lose its way (chunks, another protocol) it stops
//! looking, and the connection is not used for another request (see `ends_connection` in [`crate::handler`]).

/// What is looked at of a line that comes in several pieces: more than any name and length that matter.
const KEPT: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct HeadGuard {
    state: State,
}

#[derive(Debug)]
enum State {
    Head(Head),
    /// So many bytes of a body are still to come.
    Body(u64),
    /// Chunks or another protocol: the last that is said on this connection.
    Last,
}

impl Default for State {
    fn default() -> Self {
        Self::Head(Head::default())
    }
}

#[derive(Debug, Default)]
struct Head {
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    partial_length: usize,
    last_byte: u8,
    past_request_line: bool,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
}

/// The request could be read in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request could be read in two ways")]
pub(crate) struct Ambiguous;

impl HeadGuard {
    /// Whether nothing more has to be looked at.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self.state, State::Last)
    }

    /// Looks at what has come.
    pub(crate) fn look(&mut self, mut bytes: &[u8]) -> Result<(), Ambiguous> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Last => return Ok(()),
                State::Body(left) => {
                    let skipped = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= skipped as u64;
                    bytes = bytes.get(skipped..).unwrap_or_default();
                    if *left == 0 {
                        self.state = State::default();
                    }
                }
                State::Head(head) => {
                    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                        head.keep(bytes);
                        return Ok(());
                    };
                    let (line, rest) = bytes.split_at(end);
                    bytes = rest.get(1..).unwrap_or_default();
                    if let Some(next) = head.line(line)? {
                        self.state = next;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Head {
    fn keep(&mut self, piece: &[u8]) {
        let room = KEPT.saturating_sub(self.partial.len()).min(piece.len());
        self.partial.extend_from_slice(piece.get(..room).unwrap_or_default());
        self.partial_length += piece.len();
        self.last_byte = piece.last().copied().unwrap_or(self.last_byte);
    }

    /// One line without its line feed. Says what comes next when it was the last of the head.
    fn line(&mut self, line: &[u8]) -> Result<Option<State>, Ambiguous> {
        if self.partial_length == 0 {
            // The same measure as for a line in pieces, so that where they end makes no difference.
            return self.whole_line(line.strip_suffix(b"\r").ok_or(Ambiguous)?, line.len() > KEPT);
        }
        self.keep(line);
        if self.last_byte != b'\r' {
            return Err(Ambiguous);
        }
        let kept = std::mem::take(&mut self.partial);
        let is_cut = self.partial_length > kept.len();
        self.partial_length = 0;
        let line = if is_cut { kept.as_slice() } else { kept.strip_suffix(b"\r").unwrap_or(&kept) };
        self.whole_line(line, is_cut)
    }

    fn whole_line(&mut self, line: &[u8], is_cut: bool) -> Result<Option<State>, Ambiguous> {
        if line.is_empty() {
            // Empty lines before a request are nothing.
            return if self.past_request_line { self.end().map(Some) } else { Ok(None) };
        }
        if !self.past_request_line {
            self.past_request_line = true;
            return Ok(None);
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return Ok(None) };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = value.get(1..).unwrap_or_default().trim_ascii();
            let length =
                std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
            let length = length.and_then(|text| text.parse().ok()).ok_or(Ambiguous)?;
            if is_cut || self.length.replace(length).is_some() {
                return Err(Ambiguous);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            self.upgrade = true;
        }
        Ok(None)
    }

    const fn end(&self) -> Result<State, Ambiguous> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Ambiguous),
            (true, None) => Ok(State::Last),
            (false, _) if self.upgrade => Ok(State::Last),
            (false, Some(length)) if length > 0 => Ok(State::Body(length)),
            (false, _) => Ok(State::Head(Self {
                partial: Vec::new(),
                partial_length: 0,
                last_byte: 0,
                past_request_line: false,
                length: None,
                chunked: false,
                upgrade: false,
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    fn looked_at_in_pieces(text: &str, piece: usize) -> Result<(), Ambiguous> {
        let mut guard = HeadGuard::default();
        text.as_bytes().chunks(piece).try_for_each(|piece| guard.look(piece))
    }

    #[test]
    fn finds_what_is_ambiguous_wherever_the_pieces_end() {
        let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n{GET}", "x".repeat(300));
        let fine = [
            GET.repeat(3),
            format!("\r\n{GET}"),
            format!(
                "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\na\nb\ncPOST / HTTP/1.1\r\ncontent-length:0\r\n\r\n{GET}"
            ),
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\na\nb\nc".to_owned(),
            "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\n\n\n".to_owned(),
            long,
        ];
        let ambiguous = [
            "GET / HTTP/1.1\nHost: a\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: a\n\r\n".to_owned(),
            format!("{GET}GET / HTTP/1.1\r\nX: {}\n\r\n", "x".repeat(300)),
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
            format!("{GET}POST / HTTP/1.1\r\nTRANSFER-ENCODING: x\r\ncontent-length: 0\r\n\r\n"),
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n".to_owned(),
            "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nxGET / HTTP/1.1\nHost: a\r\n\r\n".to_owned(),
            format!("POST / HTTP/1.1\r\nContent-Length: {}5\r\n\r\n", " ".repeat(100)),
            "POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n".to_owned(),
        ];
        for piece in [1, 2, 7, 64, 10_000] {
            for text in &fine {
                assert_eq!(looked_at_in_pieces(text, piece), Ok(()), "{piece} {text:?}");
            }
            for text in &ambiguous {
                assert_eq!(looked_at_in_pieces(text, piece), Err(Ambiguous), "{piece} {text:?}");
            }
        }
    }

    #[test]
    fn long_lines_that_say_nothing_about_the_end_are_fine() {
        let cookie = format!("GET / HTTP/1.1\r\nCookie: {}\r\n\r\n{GET}", "c".repeat(5000));
        let target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n{GET}", "p".repeat(5000));
        for text in [cookie, target] {
            for piece in [1, 63, 64, 65, 10_000] {
                assert_eq!(looked_at_in_pieces(&text, piece), Ok(()), "{piece}");
            }
        }
    }

    #[test]
    fn stops_looking_where_it_could_lose_its_way() {
        for header in ["Transfer-Encoding: chunked", "Upgrade: websocket"] {
            let mut guard = HeadGuard::default();
            guard.look(format!("GET / HTTP/1.1\r\n{header}\r\n").as_bytes()).unwrap();
            assert!(!guard.is_done(), "the head goes on");
            guard.look(b"\r\n").unwrap();
            assert!(guard.is_done(), "{header}");
        }
    }

    proptest! {
        #[test]
        fn pieces_of_long_lines_make_no_difference(
            name in "(Content-Length|content-length|Transfer-Encoding|Upgrade|X)",
            padding in 0_usize..80,
            value in "[0-9 a\\r]{0,6}",
            piece in 1_usize..80,
        ) {
            let text = format!("GET / HTTP/1.1\r\n{name}:{}{value}\r\n\r\n{GET}", " ".repeat(padding));
            prop_assert_eq!(looked_at_in_pieces(&text, piece), looked_at_in_pieces(&text, 1000));
        }

        #[test]
        fn pieces_make_no_difference(text in "[GX:\\r\\n 15a-]{0,60}", piece in 1_usize..10) {
            prop_assert_eq!(looked_at_in_pieces(&text, piece), looked_at_in_pieces(&text, 1000));
        }
    }
}
