//! How compose writes durations, sizes and command lines.

/// `1m30s`, `500ms`, `2h`: in whole seconds, rounded up.
pub(super) fn seconds(text: &str) -> Option<u32> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let factor = match rest.get(..end)? {
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total += number * factor;
        rest = rest.get(end..)?;
    }
    let rounded = total.ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and within the bounds that are checked here"
    )]
    (rounded <= f64::from(u32::MAX)).then_some(rounded as u32)
}

/// `512m`, `1.5g`, `1048576`: in MiB, rounded up.
pub(super) fn mebibytes(text: &str) -> Option<u32> {
    let text = text.trim().to_ascii_lowercase();
    let text = text.trim_end_matches('b').trim_end_matches('i');
    let (number, factor) = match text.char_indices().last()? {
        (at, 'k') => (text.get(..at)?, 1024.0),
        (at, 'm') => (text.get(..at)?, 1024.0 * 1024.0),
        (at, 'g') => (text.get(..at)?, 1024.0 * 1024.0 * 1024.0),
        _ => (text, 1.0),
    };
    let number: f64 =
        number.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)?;
    let rounded = (number * factor / (1024.0 * 1024.0)).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and within the bounds that are checked here"
    )]
    (rounded <= f64::from(u32::MAX)).then_some(rounded as u32)
}

/// A command line as a shell splits it: quotes and backslashes, nothing else. `None` when a quote is not closed.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('\''), c) if c != '\'' => word.get_or_insert_default().push(c),
            (Some(open), c) if c == open => quote = None,
            (Some(_), '\\') => {
                let next = chars.next()?;
                if !matches!(next, '"' | '\\' | '$' | '`') {
                    word.get_or_insert_default().push('\\');
                }
                word.get_or_insert_default().push(next);
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().push(chars.next()?),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return None;
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_and_sizes() {
        for (text, expected) in [
            ("10s", Some(10)),
            ("1m30s", Some(90)),
            ("500ms", Some(1)),
            ("1.5h", Some(5_400)),
            ("10", None),
            ("", None),
            ("s", None),
            ("1y", None),
            ("9999999999999h", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        for (text, expected) in [
            ("512m", Some(512)),
            ("1g", Some(1024)),
            ("1.5G", Some(1536)),
            ("256MiB", Some(256)),
            ("100kb", Some(1)),
            ("1048576", Some(1)),
            ("m", None),
            ("-1m", None),
            ("nan", None),
        ] {
            assert_eq!(mebibytes(text), expected, "{text}");
        }
    }

    #[test]
    fn command_lines() {
        let split = |text: &str| words(text).map(|words| words.join("|"));
        assert_eq!(split("a  b\tc").as_deref(), Some("a|b|c"));
        assert_eq!(
            split(r#"sh -c "echo 'a b' \"c\" \n" x\ y ''"#).as_deref(),
            Some(r#"sh|-c|echo 'a b' "c" \n|x y|"#)
        );
        assert_eq!(split("'a"), None);
        assert_eq!(split("").as_deref(), Some(""));
    }

    proptest! {
        #[test]
        fn never_panic(text in "\\PC{0,30}|[0-9.msh]{0,12}|['\"\\\\ a]{0,20}") {
            let _ = (seconds(&text), mebibytes(&text), words(&text));
        }
    }
}
