//! Output in pieces of any size → lines that can be stored and shown.

use pierhead_model::log::MAX_LINE_BYTES;

/// What a line that was cut ends with.
const CUT: &str = " … [cut: the line is longer than 64 KiB]";

/// Collects pieces into lines. A line that never ends does not grow beyond the limit.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pending: Vec<u8>,
    /// The rest of the current line is thrown away.
    cutting: bool,
}

impl Lines {
    /// The lines that `piece` completes.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for (index, part) in piece.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                lines.extend(self.complete());
            }
            if self.cutting {
                continue;
            }
            let room = MAX_LINE_BYTES - CUT.len() - self.pending.len();
            self.pending.extend_from_slice(part.get(..room).unwrap_or(part));
            self.cutting = part.len() > room;
        }
        lines
    }

    /// The last line, when it did not end.
    pub(crate) fn finish(&mut self) -> Option<String> {
        if self.pending.is_empty() && !self.cutting { None } else { self.complete() }
    }

    fn complete(&mut self) -> Option<String> {
        let bytes = std::mem::take(&mut self.pending);
        let mut text = clean(&bytes);
        if std::mem::take(&mut self.cutting) {
            text.push_str(CUT);
        }
        Some(text)
    }
}

/// Valid UTF-8 without NUL and without a carriage return at the end. Of what a progress bar painted over itself, the last
/// state stays.
fn clean(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let shown = bytes.rsplit(|byte| *byte == b'\r').find(|part| !part.is_empty()).unwrap_or_default();
    String::from_utf8_lossy(shown).replace('\0', "\u{2400}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut found: Vec<String> = pieces.iter().flat_map(|piece| lines.push(piece)).collect();
        found.extend(lines.finish());
        found
    }

    #[test]
    fn whatever_a_program_prints() {
        assert_eq!(all(&[b"a\nb", b"c\n", b"\n", b"d"]), ["a", "bc", "", "d"]);
        assert_eq!(all(&[b"10%\r20%\r100%\r\nok\r\n"]), ["100%", "ok"]);
        assert_eq!(all(&[b"\xff\x00\n"]), ["\u{fffd}\u{2400}"]);
        assert_eq!(all(&[]), [""; 0]);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let endless = vec![b'x'; 10 * MAX_LINE_BYTES];
        let lines = all(&[&endless, b"\nnext\n"]);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].len(), MAX_LINE_BYTES);
        assert!(lines[0].ends_with(CUT));
        assert_eq!(lines[1], "next");
    }

    proptest! {
        #[test]
        fn the_pieces_do_not_matter(text in prop::collection::vec(prop::sample::select(b"ab\n\r\xc3\xa9".to_vec()), 0..200), cut in 0_usize..200) {
            let cut = cut.min(text.len());
            prop_assert_eq!(all(&[&text]), all(&[&text[..cut], &text[cut..]]));
        }
    }
}
