//! Secrets taken out of texts that are kept.
//!
//! Found are a secret as it is, each line of one that has several, and the ways in which programs print one without meaning
//! to: as JSON, percent-encoded, and in base64 at any offset (the header of basic authentication). What a program has changed
//! otherwise (reversed, hashed, cut in halves) is not found; nothing could. A secret of one to three characters is left alone:
//! it would make every text unreadable, and is none.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Stands where a secret stood.
const MARK: &str = "[secret]";
/// Shorter ones are left alone, in bytes.
const SHORTEST: usize = 4;

/// Takes secrets out of texts. Debug output shows none.
#[derive(Clone, Default)]
pub struct Mask {
    /// Longest first: one secret may be part of another.
    patterns: Vec<String>,
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
        patterns.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        patterns.dedup();
        Self { patterns }
    }

    /// The text without secrets.
    #[must_use]
    pub fn apply(&self, text: String) -> String {
        let found = self.patterns.iter().filter(|pattern| text.contains(pattern.as_str()));
        let found: Vec<&str> = found.map(String::as_str).collect();
        found.into_iter().fold(text, |text, pattern| text.replace(pattern, MARK))
    }
}

impl Mask {
    /// The same for a text that was cut at this byte: a secret may have been cut with it, and its beginning is taken out, too.
    #[must_use]
    pub fn apply_to_cut(&self, text: &str, at: usize) -> String {
        let (kept, rest) = text.split_at(text.floor_char_boundary(at));
        let kept = self.apply(kept.to_owned());
        let halves = self.patterns.iter().filter_map(|pattern| {
            let longest = (SHORTEST..pattern.len()).rev().filter(|&length| pattern.is_char_boundary(length));
            longest.into_iter().find(|&length| kept.ends_with(&pattern[..length]))
        });
        match halves.max() {
            Some(half) => format!("{}{MARK}{rest}", &kept[..kept.len() - half]),
            None => kept + rest,
        }
    }
}

/// A secret in all the ways in which it is looked for.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), secret.trim().to_owned(), escaped(secret), percent(secret)];
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

/// As it stands in a URL.
fn percent(secret: &str) -> String {
    url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>().replace('+', "%20")
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

    #[test]
    fn secrets_are_found_in_what_programs_make_of_them() {
        let mask = Mask::new(["pa\"ss & wörd", "line one\n  line two\n", "ab"]);
        let basic = STANDARD.encode("admin:pa\"ss & wörd:x");
        for (text, masked) in [
            ("password=pa\"ss & wörd.".to_owned(), "password=[secret]."),
            (r#"{"password":"pa\"ss & wörd"}"#.to_owned(), r#"{"password":"[secret]"}"#),
            ("p://u:pa%22ss%20%26%20w%C3%B6rd@h".to_owned(), "p://u:[secret]@h"),
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
            ("a hunté", 8, "a hunté"),
        ] {
            assert_eq!(mask.apply_to_cut(text, at), masked);
        }
    }

    #[test]
    fn a_secret_within_a_secret_is_taken_out_with_it() {
        assert_eq!(Mask::new(["hunter", "hunter2"]).apply("hunter2 hunter".into()), "[secret] [secret]");
    }

    proptest! {
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
