//! The `.env` format: `KEY=value` lines, as most tools read them.
//!
//! Comments, `export`, single quotes (as they are), double quotes (with `\n`, `\"`, `\\`, over several lines). Nothing is
//! substituted: `$OTHER` stays what it is, because the file is data and not a program.

/// One variable and the line it stands on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) key: String,
    pub(crate) value: String,
}

/// A line that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} {problem}")]
pub(crate) struct Malformed {
    pub(crate) line: usize,
    pub(crate) problem: &'static str,
}

pub(crate) fn parse(text: &str) -> Result<Vec<Entry>, Malformed> {
    let mut entries = Vec::new();
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let malformed = |problem| Malformed { line: index + 1, problem };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (key, value) = line.split_once('=').ok_or_else(|| malformed("is not KEY=value"))?;
        let value = value.trim_start();
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let mut quoted = value[1..].to_owned();
                loop {
                    if let Some(end) = closing(&quoted, quote) {
                        quoted.truncate(end);
                        break;
                    }
                    let (_, more) =
                        lines.next().ok_or_else(|| malformed("has a quote that is never closed"))?;
                    quoted.push('\n');
                    quoted.push_str(more);
                }
                if quote == '"' { unescape(&quoted) } else { quoted }
            }
            _ => value.split(" #").next().unwrap_or_default().trim_end().to_owned(),
        };
        entries.push(Entry { line: index + 1, key: key.trim().to_owned(), value });
    }
    Ok(entries)
}

fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, character)| {
        let closes = character == quote && !escaped;
        escaped = quote == '"' && character == '\\' && !escaped;
        closes.then_some(at)
    })
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (_, true) => match characters.next() {
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some('t') => plain.push('\t'),
                Some(other @ ('"' | '\\' | '$' | '`')) => plain.push(other),
                Some(other) => plain.extend(['\\', other]),
                None => plain.push('\\'),
            },
            (character, false) => plain.push(character),
        }
    }
    plain
}

/// One variable as a line that [`parse`] reads back.
pub(crate) fn line(key: &str, value: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,".contains(c);
    if value.chars().all(harmless) {
        return format!("{key}={value}");
    }
    let mut quoted = String::with_capacity(value.len() + 2);
    for character in value.chars() {
        match character {
            '"' | '\\' | '$' | '`' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            other => quoted.push(other),
        }
    }
    format!("{key}=\"{quoted}\"")
}

/// One variable as a line for `sh`.
pub(crate) fn shell_line(key: &str, value: &str) -> String {
    format!("export {key}='{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_usual_forms() {
        let text =
            "# a\n\nA=1\nexport B = two words # c\nC='$x # y'\nD=\"a\\n\\\"b\\\"\"\nE=\"two\nlines\"\nF=\n";
        let entries = parse(text).unwrap();
        let pairs: Vec<_> = entries.iter().map(|entry| (entry.key.as_str(), entry.value.as_str())).collect();
        assert_eq!(
            pairs,
            [
                ("A", "1"),
                ("B", "two words"),
                ("C", "$x # y"),
                ("D", "a\n\"b\""),
                ("E", "two\nlines"),
                ("F", "")
            ]
        );
        assert_eq!(parse("A=1\nB"), Err(Malformed { line: 2, problem: "is not KEY=value" }));
        assert!(parse("A=\"x").is_err());
        assert_eq!(shell_line("A", "it's"), r"export A='it'\''s'");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in "[^\0]{0,40}") {
            let entries = parse(&line("KEY", &value)).unwrap();
            prop_assert_eq!(entries, [Entry { line: 1, key: "KEY".into(), value }]);
        }
    }
}
