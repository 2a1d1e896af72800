//! A program's output cut into lines, whatever it prints.
//!
//! The result does not depend on where the pieces that arrive were cut. A line without an end is bounded: what is beyond
//! the limit is counted and said. Text is made valid UTF-8 without NUL, because no store takes anything else.

use pierhead_model::log::MAX_LINE_BYTES;

/// Room for the marker at the end of a line that was cut.
const MARKER_BYTES: usize = 64;
/// Bytes of a line that are kept before it is made text.
const KEPT_BYTES: usize = MAX_LINE_BYTES - MARKER_BYTES;

/// What follows the kept part of a line that was cut.
pub(crate) const CUT: &str = " … [line cut: ";

/// Collects bytes until a line is whole.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    partial: Vec<u8>,
    /// Bytes of the current line that were not kept.
    dropped: u64,
}

impl Splitter {
    /// Takes a piece and hands out the lines that it completes.
    pub(crate) fn push(&mut self, mut piece: &[u8], mut line: impl FnMut(String)) {
        while let Some(end) = piece.iter().position(|&byte| byte == b'\n') {
            self.keep(&piece[..end]);
            line(self.take());
            piece = &piece[end + 1..];
        }
        self.keep(piece);
    }

    /// Whether no line is half collected.
    pub(crate) const fn is_empty(&self) -> bool {
        self.partial.is_empty() && self.dropped == 0
    }

    /// The last line, when it did not end with a line break.
    pub(crate) fn finish(&mut self) -> Option<String> {
        (!self.is_empty()).then(|| self.take())
    }

    fn keep(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(KEPT_BYTES - self.partial.len());
        self.partial.extend_from_slice(&bytes[..kept]);
        self.dropped += (bytes.len() - kept) as u64;
    }

    fn take(&mut self) -> String {
        let dropped = std::mem::take(&mut self.dropped);
        let bytes = match self.partial.strip_suffix(b"\r") {
            Some(bytes) if dropped == 0 => bytes,
            Some(_) | None => &self.partial,
        };
        let line = clean(bytes, dropped);
        self.partial.clear();
        line
    }
}

/// One line as it is stored: valid UTF-8 without NUL, at most [`MAX_LINE_BYTES`] long.
pub(crate) fn clean(bytes: &[u8], dropped: u64) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    if text.contains('\0') {
        text.retain(|character| character != '\0');
    }
    let mut dropped = dropped;
    if text.len() > KEPT_BYTES {
        // Each bad byte became three: cut again, at a character's border.
        let end = text.floor_char_boundary(KEPT_BYTES);
        dropped += (text.len() - end) as u64;
        text.truncate(end);
    }
    if dropped > 0 {
        text.push_str(&format!("{CUT}{dropped} bytes more]"));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(pieces: &[&[u8]]) -> Vec<String> {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        for piece in pieces {
            splitter.push(piece, |line| lines.push(line));
        }
        lines.extend(splitter.finish());
        lines
    }

    #[test]
    fn lines_of_every_kind() {
        for (input, lines) in [
            (&b""[..], &[][..]),
            (b"a\nb\n", &["a", "b"]),
            (b"a\r\nb", &["a", "b"]),
            (b"\n\n", &["", ""]),
            (b"nul\0inside\n", &["nulinside"]),
            (b"bad \xff\n", &["bad \u{fffd}"]),
            (b"50%\r100%\n", &["50%\r100%"]),
        ] {
            assert_eq!(split(&[input]), lines);
        }
    }

    #[test]
    fn an_endless_line_is_cut_and_says_so() {
        for filler in [&b"x"[..], b"\xff", "é".as_bytes()] {
            let lines = split(&[&filler.repeat(3 * MAX_LINE_BYTES), b"\nnext\n"]);
            assert_eq!(lines.len(), 2);
            assert!(lines[0].len() <= MAX_LINE_BYTES && lines[0].ends_with(" bytes more]"));
            assert_eq!(lines[1], "next");
        }
    }

    proptest! {
        #[test]
        fn where_pieces_are_cut_does_not_matter(
            output in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(0), any::<u8>()], 0..400),
            cuts in proptest::collection::vec(0_usize..400, 0..20),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(output.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&output[from..cut]);
                from = cut;
            }
            pieces.push(&output[from..]);
            let lines = split(&pieces);
            prop_assert_eq!(&lines, &split(&[&output]));
            prop_assert!(lines.iter().all(|line| !line.contains(['\0', '\n']) && line.len() <= MAX_LINE_BYTES));
        }
    }
}
