//! Secrets taken out of texts that are kept.
//!
//! Found are a secret as it is, each line of one that has several, and the ways in which programs print one without meaning
//! to: as JSON, percent-encoded as the usual libraries do it, in hexadecimal, and in base64 at any offset (the header of basic
//! authentication). What a program has changed otherwise (reversed, hashed, cut in halves, base64 broken into lines) is not
//! found; nothing could. A secret of one to three characters is left alone: it would make every text unreadable, and is none.

use std::fmt;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::log::CUT;

/// Stands where a secret stood.
const MARK: &str = "[secret]";
/// Shorter ones are left alone, in bytes.
const SHORTEST: usize = 4;

/// Takes secrets out of texts. Debug output shows none.
#[derive(Clone, Default)]
pub struct Mask {
    patterns: Arc<Vec<String>>,
    /// Finds all of them in one pass; `None` when there is nothing to find.
    finder: Option<Arc<AhoCorasick>>,
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mask({} patterns)", self.patterns.len())
    }
}

impl Mask {
    /// A mask for these secrets.
    #[must_use]
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let mut patterns: Vec<String> = secrets.into_iter().flat_map(forms).collect();
        patterns.retain(|pattern| pattern.len() >= SHORTEST);
        patterns.sort_unstable();
        patterns.dedup();
        Self::of(patterns)
    }

    fn of(patterns: Vec<String>) -> Self {
        // Building fails only beyond four billion states: secrets are bounded far below.
        let finder = AhoCorasick::new(&patterns).ok().filter(|_| !patterns.is_empty());
        Self { patterns: Arc::new(patterns), finder: finder.map(Arc::new) }
    }

    /// This mask and another one.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut patterns: Vec<String> = self.patterns.iter().chain(&*other.patterns).cloned().collect();
        patterns.sort_unstable();
        patterns.dedup();
        if patterns.len() == self.patterns.len() { self.clone() } else { Self::of(patterns) }
    }

    /// The text without secrets. Where two of them overlap, nothing of either is left.
    #[must_use]
    pub fn apply(&self, text: String) -> String {
        let Some(finder) = &self.finder else { return text };
        let mut found: Vec<(usize, usize)> =
            finder.find_overlapping_iter(&text).map(|found| (found.start(), found.end())).collect();
        if found.is_empty() {
            return text;
        }
        found.sort_unstable();
        let mut masked = String::with_capacity(text.len());
        let mut done = 0;
        for (start, end) in found {
            if end <= done {
                continue;
            }
            // One that begins within another goes on in its mark.
            if start >= done {
                masked.push_str(&text[done..start]);
                masked.push_str(MARK);
            }
            done = end;
        }
        masked.push_str(&text[done..]);
        masked
    }

    /// A line of a log without secrets. One that was too long was cut, and a secret may have been cut with it.
    #[must_use]
    pub fn apply_to_line(&self, text: String) -> String {
        match text.rfind(CUT) {
            Some(at) => self.apply_to_cut(&text, at),
            None => self.apply(text),
        }
    }

    /// The same for a text that was cut at this byte: a secret may have been cut with it, and its beginning is taken out, too.
    #[must_use]
    pub fn apply_to_cut(&self, text: &str, at: usize) -> String {
        let (kept, rest) = text.split_at(text.floor_char_boundary(at));
        // What looks like the mark of a cut may have been printed by the program.
        let rest = self.apply(rest.to_owned());
        let kept = self.apply(kept.to_owned());
        let halves = self.patterns.iter().filter_map(|pattern| {
            let longest = (SHORTEST..pattern.len()).rev().filter(|&length| pattern.is_char_boundary(length));
            longest.into_iter().find(|&length| kept.ends_with(&pattern[..length]))
        });
        match halves.max() {
            Some(half) => format!("{}{MARK}{rest}", &kept[..kept.len() - half]),
            None => kept + &rest,
        }
    }
}

/// A secret in all the ways in which it is looked for.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), secret.trim().to_owned(), escaped(secret)];
    forms.extend(percent(secret));
    forms.extend([hex::encode(secret), hex::encode_upper(secret)]);
    if secret.contains('\n') {
        forms.extend(secret.lines().map(|line| line.trim().to_owned()));
    }
    if secret.len() >= SHORTEST {
        for offset in 0..3 {
            forms.extend(in_base64(secret.as_bytes(), offset));
        }
    }
    forms
}

/// As JSON writes it, without the quotes.
fn escaped(secret: &str) -> String {
    let text = serde_json::Value::from(secret).to_string();
    text.trim_matches('"').to_owned()
}

/// What libraries leave as it is beside letters, digits and `_.-`: forms, `encodeURIComponent`, Python's `quote`, `encodeURI`.
const LEFT_ALONE: [&str; 4] = ["*", "~!'()*", "~/", "~!'()*;/?:@&=+$,#"];

/// As it stands in a URL, in the ways of the usual libraries, with digits of either case.
fn percent(secret: &str) -> Vec<String> {
    let mut ways = Vec::new();
    for left_alone in LEFT_ALONE {
        for space in ["%20", "+"] {
            let upper: String = secret.bytes().map(|byte| encoded(byte, left_alone, space)).collect();
            let lower: String = secret
                .bytes()
                .map(|byte| {
                    let one = encoded(byte, left_alone, space);
                    if one.starts_with('%') { one.to_ascii_lowercase() } else { one }
                })
                .collect();
            ways.extend([upper, lower]);
        }
    }
    ways
}

fn encoded(byte: u8, left_alone: &str, space: &str) -> String {
    let letter = char::from(byte);
    match byte {
        b' ' => space.to_owned(),
        _ if letter.is_ascii_alphanumeric() || "_.-".contains(letter) => letter.to_string(),
        _ if byte.is_ascii() && left_alone.contains(letter) => letter.to_string(),
        _ => format!("%{byte:02X}"),
    }
}

/// The middle of what base64 makes of a text that has the secret at this offset: three bytes become four characters, so there
/// are three ways to lie, and the characters at both ends mix with the neighbours.
fn in_base64(secret: &[u8], offset: usize) -> Vec<String> {
    let padded: Vec<u8> = std::iter::repeat_n(0, offset).chain(secret.iter().copied()).collect();
    let from = (offset * 8).div_ceil(6);
    let until = padded.len() * 8 / 6;
    let cut = |encoded: String| encoded.get(from..until).unwrap_or_default().to_owned();
    vec![cut(STANDARD_NO_PAD.encode(&padded)), cut(URL_SAFE_NO_PAD.encode(&padded))]
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;
    use crate::log::Splitter;

    #[test]
    fn secrets_are_found_in_what_programs_make_of_them() {
        let mask = Mask::new(["pa\"ss & wörd", "line one\n  line two\n", "ab"]);
        let basic = STANDARD.encode("admin:pa\"ss & wörd:x");
        for (text, masked) in [
            ("password=pa\"ss & wörd.".to_owned(), "password=[secret]."),
            (r#"{"password":"pa\"ss & wörd"}"#.to_owned(), r#"{"password":"[secret]"}"#),
            ("p://u:pa%22ss%20%26%20w%C3%B6rd@h".to_owned(), "p://u:[secret]@h"),
            ("p://u:pa%22ss%20&%20w%c3%b6rd@h".to_owned(), "p://u:[secret]@h"),
            ("q=pa%22ss+%26+w%C3%B6rd&r".to_owned(), "q=[secret]&r"),
            (hex::encode("pa\"ss & wörd"), "[secret]"),
            ("key: line two!".to_owned(), "key: [secret]!"),
            ("cab, about".to_owned(), "cab, about"),
            ("nothing".to_owned(), "nothing"),
        ] {
            assert_eq!(mask.apply(text), masked);
        }
        let masked = mask.apply(format!("Authorization: Basic {basic}"));
        assert!(masked.contains(MARK) && !masked.contains(&basic[8..20]), "{masked}");
        assert!(!format!("{mask:?}").contains("line"));
    }

    #[test]
    fn the_beginning_of_a_secret_before_a_cut_is_one_too() {
        let mask = Mask::new(["hunter2-hunter2", "hunter3"]);
        for (text, at, masked) in [
            ("a hunter2-hun … cut", 13, "a [secret] … cut"),
            ("a hunt", 6, "a [secret]"),
            ("a hun", 5, "a hun"),
            ("hunter2-hunter2 hunter … x", 22, "[secret] [secret] … x"),
            ("nothing", 7, "nothing"),
            ("x … [line cut: hunter3", 1, "x … [line cut: [secret]"),
            ("a hunté", 8, "a hunté"),
        ] {
            assert_eq!(mask.apply_to_cut(text, at), masked);
        }
    }

    #[test]
    fn a_secret_within_a_secret_is_taken_out_with_it() {
        assert_eq!(Mask::new(["hunter", "hunter2"]).apply("hunter2 hunter".into()), "[secret] [secret]");
        assert_eq!(
            Mask::new(["abcdef", "defghi"]).apply("1abcdefghi2".into()),
            "1[secret]2",
            "nor what overlaps"
        );
        assert_eq!(
            Mask::new(["abcd"]).and(&Mask::new(["efgh"])).apply("abcdefgh".into()),
            "[secret][secret]"
        );
        assert_eq!(Mask::new([]).apply("abcd".into()), "abcd");
    }

    /// A program's output in two pieces, as lines without secrets.
    fn printed(mask: &Mask, output: &[u8], at: usize) -> Vec<String> {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        for piece in [&output[..at], &output[at..]] {
            splitter.push(piece, |line| lines.push(mask.apply_to_line(line)));
        }
        lines.extend(splitter.finish().map(|line| mask.apply_to_line(line)));
        lines
    }

    proptest! {
        #[test]
        fn where_output_is_cut_into_pieces_hides_nothing(
            secret in "[A-Za-z0-9!?%+/ é]{6,20}", before in "[a-z\n]{0,7}", after in "[a-z\n]{0,7}",
        ) {
            prop_assume!(secret.trim().len() == secret.len());
            let mask = Mask::new([secret.as_str()]);
            for form in forms(&secret).into_iter().filter(|form| form.len() >= SHORTEST) {
                let output = format!("{before}{form}{after}");
                for at in 0..=output.len() {
                    let lines = printed(&mask, output.as_bytes(), at);
                    prop_assert!(lines.iter().all(|line| !line.contains(&form)), "{lines:?} {form}");
                    prop_assert!(lines.iter().any(|line| line.contains(MARK)), "{lines:?} {form}");
                }
            }
        }

        #[test]
        fn what_holds_no_secret_is_left_as_it_is(text in "[g-z ]{0,40}") {
            prop_assert_eq!(Mask::new(["AAAAAAAA"]).apply(text.clone()), text);
        }

        #[test]
        fn never_in_the_text_nor_in_base64_of_any_text_around_it(
            secret in "[A-Za-z0-9!?%+/ ]{8,30}", before in "[a-z]{0,7}", after in "[a-z]{0,7}",
        ) {
            prop_assume!(secret.trim().len() == secret.len());
            let mask = Mask::new([secret.as_str()]);
            let text = mask.apply(format!("{before}{secret}{after}"));
            prop_assert!(!text.contains(&secret));
            let encoded = STANDARD.encode(format!("{before}{secret}{after}"));
            let masked = mask.apply(encoded.clone());
            prop_assert!(masked.contains(MARK), "{} {}", encoded, masked);
        }
    }
}
