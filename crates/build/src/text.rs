//! Small readings of text that is not worth a parser: one value of a JavaScript configuration, a line number, a word that
//! was probably meant.

use regex::Regex;

/// The line, counted from 1, of a byte offset.
pub(crate) fn line_at(text: &str, offset: usize) -> u32 {
    let lines = text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count();
    u32::try_from(lines).unwrap_or(u32::MAX - 1) + 1
}

/// The line of the first occurrence of `needle`.
pub(crate) fn line_of(text: &str, needle: &str) -> Option<u32> {
    text.find(needle).map(|offset| line_at(text, offset))
}

/// The line of `"key"` somewhere after `"section"` in a JSON text; close enough to point a person there.
pub(crate) fn json_line(text: &str, section: &str, key: &str) -> Option<u32> {
    let start = if section.is_empty() { 0 } else { text.find(&format!("\"{section}\""))? };
    let offset = text.get(start..)?.find(&format!("\"{key}\""))?;
    Some(line_at(text, start + offset))
}

/// JavaScript without its comments; line breaks stay, so that line numbers do.
pub(crate) fn without_comments(script: &str) -> String {
    let mut plain = String::with_capacity(script.len());
    let mut quote: Option<char> = None;
    let mut previous = ' ';
    let mut rest = script.chars().peekable();
    while let Some(c) = rest.next() {
        if let Some(open) = quote {
            plain.push(c);
            // A quote left open ends with its line, so that one stray apostrophe hides no more than that.
            if (c == open && previous != '\\') || (c == '\n' && open != '`') {
                quote = None;
            }
            previous = if previous == '\\' && c == '\\' { ' ' } else { c };
            continue;
        }
        match (c, rest.peek()) {
            ('/', Some('/')) => {
                while rest.peek().is_some_and(|next| *next != '\n') {
                    rest.next();
                }
            }
            ('/', Some('*')) => {
                rest.next();
                let mut star = false;
                for inner in rest.by_ref() {
                    if inner == '\n' {
                        plain.push('\n');
                    }
                    if star && inner == '/' {
                        break;
                    }
                    star = inner == '*';
                }
            }
            _ => {
                if matches!(c, '\'' | '"' | '`') {
                    quote = Some(c);
                }
                plain.push(c);
            }
        }
        previous = c;
    }
    plain
}

/// A literal found in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Literal {
    pub(crate) value: String,
    pub(crate) line: u32,
}

/// The string literal given to `key` in a JavaScript object or assignment; nothing when it is computed.
pub(crate) fn js_string(script: &str, key: &str) -> Option<Literal> {
    captured(script, &format!(r#"(?:\b|["']){key}["']?\s*[:=]\s*["'`]([^"'`$\n]*)["'`]"#))
}

/// Whether `key: value` stands in a JavaScript configuration, where `value` is a bare word; its line.
pub(crate) fn js_word(script: &str, key: &str, value: &str) -> Option<u32> {
    captured(script, &format!(r#"(?:\b|["']){key}["']?\s*[:=]\s*({value})\b"#)).map(|literal| literal.line)
}

/// The first capture of a pattern.
pub(crate) fn captured(text: &str, pattern: &str) -> Option<Literal> {
    let found = Regex::new(pattern).ok()?.captures(text)?.get(1)?;
    Some(Literal { value: found.as_str().to_owned(), line: line_at(text, found.start()) })
}

/// The candidate that was probably meant by a misspelt word.
pub(crate) fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    let word = word.chars().take(64).collect::<String>().to_ascii_lowercase();
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

/// Levenshtein's distance.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        for (slot, b) in row.iter_mut().skip(1).zip(&right) {
            let cost = (diagonal + usize::from(a != *b)).min(before + 1).min(*slot + 1);
            diagonal = std::mem::replace(slot, cost);
            before = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_do_not_count_and_urls_do_not_start_one() {
        let script = "// outDir: 'a'\nx = 'http://b';\n/* outDir: 'c'\n*/ outDir: 'd'";
        let plain = without_comments(script);
        assert_eq!(js_string(&plain, "outDir"), Some(Literal { value: "d".into(), line: 4 }));
        assert!(plain.contains("http://b"));
    }

    #[test]
    fn computed_values_are_not_guessed() {
        assert_eq!(js_string("outDir: path.join('a')", "outDir"), None);
        assert_eq!(js_string("outDir: `${x}/y`", "outDir"), None);
        assert_eq!(js_word("ssr: false,", "ssr", "false"), Some(1));
        assert_eq!(js_word("notssr: false,", "ssr", "false"), None);
    }

    #[test]
    fn suggestions_are_near() {
        assert_eq!(closest("buld", ["build", "limits"]).as_deref(), Some("build"));
        assert_eq!(closest("zzzzzz", ["build", "limits"]), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
