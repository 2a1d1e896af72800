//! Text of strangers, made safe for a terminal.
//!
//! A build's output can hold anything: sequences that move the cursor, retitle the window, write to the clipboard, hide text
//! by turning its direction round. Colours (SGR) may stay, everything else of the kind goes. A carriage return keeps only what
//! a terminal would have left visible: the last overwrite of the line.

/// Removes every control sequence except colours.
pub(crate) fn with_colors(text: &str) -> String {
    clean(text, true)
}

/// Removes every control sequence.
pub(crate) fn plain(text: &str) -> String {
    clean(text, false)
}

fn clean(text: &str, colors: bool) -> String {
    let text = text.trim_end_matches(['\n', '\r']);
    let text = text.rsplit('\r').find(|part| !part.is_empty()).unwrap_or_default();
    let mut clean = String::with_capacity(text.len());
    let mut colored = false;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let after = &rest[character.len_utf8()..];
        match character {
            '\u{1b}' | '\u{9b}' | '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => {
                let (length, is_color) = sequence(rest);
                if is_color && colors && character == '\u{1b}' {
                    clean.push_str(&rest[..length]);
                    colored = true;
                }
                rest = &rest[length..];
                continue;
            }
            '\t' => clean.push('\t'),
            _ if character.is_control() || turns_direction(character) => {}
            _ => clean.push(character),
        }
        rest = after;
    }
    if colored {
        clean.push_str("\u{1b}[0m");
    }
    clean
}

/// The length in bytes of the sequence that `text` begins with, and whether it only colours.
fn sequence(text: &str) -> (usize, bool) {
    let mut characters = text.char_indices();
    let introducer = match characters.next() {
        Some((_, '\u{1b}')) => match characters.next() {
            Some((_, second @ ('[' | ']' | 'P' | 'X' | '^' | '_'))) => second,
            // Two characters, such as a full reset; intermediates (charset selection) take one more.
            Some((at, ' '..='/')) => {
                return (characters.next().map_or(text.len(), |(end, c)| end.max(at) + c.len_utf8()), false);
            }
            Some((at, second)) if !second.is_control() => return (at + second.len_utf8(), false),
            _ => return (1, false),
        },
        Some((_, '\u{9b}')) => '[',
        Some((_, c1)) if c1.is_control() => 'P',
        _ => return (text.len(), false),
    };
    if introducer == '[' {
        let mut only_numbers = true;
        for (at, character) in characters {
            match character {
                '0'..='9' | ';' | ':' => {}
                '\u{40}'..='\u{7e}' => return (at + 1, only_numbers && character == 'm'),
                '\u{20}'..='\u{3f}' => only_numbers = false,
                // Not a sequence after all: drop what was begun, keep what follows.
                _ => return (at, false),
            }
        }
        return (text.len(), false);
    }
    // A string sequence (OSC, DCS, …) runs to its terminator; without one, to the line's end.
    let mut previous_is_escape = false;
    for (at, character) in characters {
        match character {
            '\u{7}' | '\u{9c}' => return (at + character.len_utf8(), false),
            '\\' if previous_is_escape => return (at + 1, false),
            _ => previous_is_escape = character == '\u{1b}',
        }
    }
    (text.len(), false)
}

/// Marks that make text read in another order than it is stored (CVE-2021-42574), and the line ends that Unicode added.
const fn turns_direction(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn colours_stay_and_the_rest_goes() {
        for (dirty, clean) in [
            ("plain", "plain"),
            ("\u{1b}[31mred\u{1b}[0m", "\u{1b}[31mred\u{1b}[0m\u{1b}[0m"),
            ("\u{1b}[38;2;1;2;3mrgb", "\u{1b}[38;2;1;2;3mrgb\u{1b}[0m"),
            ("a\u{1b}[2Jb", "ab"),
            ("a\u{1b}[?25lb", "ab"),
            ("a\u{1b}[>4mb", "ab"),
            ("a\u{1b}]0;title\u{7}b", "ab"),
            ("a\u{1b}]52;c;aGk=\u{1b}\\b", "ab"),
            ("a\u{1b}]8;;http://x\u{9c}b", "ab"),
            ("a\u{1b}Pq#0\u{1b}\\b", "ab"),
            ("a\u{9b}2Jb", "ab"),
            ("a\u{9d}0;t\u{7}b", "ab"),
            ("a\u{1b}cb", "ab"),
            ("a\u{1b}(0b", "ab"),
            ("a\u{1b}]no end", "a"),
            ("a\u{1b}[31", "a"),
            ("a\u{1b}", "a"),
            ("\u{202e}txt.exe", "txt.exe"),
            ("a\u{8}\u{8}b\0", "ab"),
            ("10%\r50%\r100%", "100%"),
            ("100%\r", "100%"),
            ("tab\tstays", "tab\tstays"),
            ("héllo ✓", "héllo ✓"),
        ] {
            assert_eq!(with_colors(dirty), clean, "{dirty:?}");
        }
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m"), "red");
    }

    proptest! {
        #[test]
        fn nothing_but_colours_is_left(text in "[\u{1b}\u{9b}\u{9d}\u{7}\r\\[\\]\\\\mJHP;?0-9a-z \u{202e}]{0,60}") {
            let clean = with_colors(&text);
            let mut rest = clean.as_str();
            while let Some(at) = rest.find('\u{1b}') {
                let after = &rest[at + 1..];
                prop_assert!(after.starts_with('['), "{:?}", clean);
                let end = after[1..].find(|c: char| !matches!(c, '0'..='9' | ';' | ':')).map(|end| end + 1);
                prop_assert!(end.is_some_and(|end| after[end..].starts_with('m')), "{:?}", clean);
                rest = after;
            }
            let controls = clean.chars().filter(|c| *c != '\u{1b}' && *c != '\t').any(char::is_control);
            let turned = clean.chars().any(turns_direction);
            prop_assert!(!controls && !turned);
            let escapes = plain(&text).matches('\u{1b}').count();
            prop_assert_eq!(escapes, 0);
        }

        #[test]
        fn any_text_is_survived(text in any::<String>()) {
            let _ = (plain(&text), with_colors(&text));
        }
    }
}
