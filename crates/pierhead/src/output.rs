//! The one place that prints: answers to stdout, everything else to stderr.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the printer")]

/// A line of the answer.
pub(crate) fn answer(text: &str) {
    println!("{text}");
}

/// A line of the conversation: progress, hints, warnings.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// What went wrong.
pub(crate) fn error(text: &str) {
    eprintln!("error: {text}");
}

/// Text from somebody's program: colours stay, everything else that a terminal would obey goes.
pub(crate) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' if characters.peek() == Some(&'[') => {
                characters.next();
                let mut parameters = String::new();
                while let Some(next) = characters.next_if(|next| !('@'..='~').contains(next)) {
                    parameters.push(next);
                }
                let is_colour = parameters.bytes().all(|byte| byte.is_ascii_digit() || byte == b';');
                if characters.next() == Some('m') && is_colour {
                    shown.push_str(&format!("\u{1b}[{parameters}m"));
                }
            }
            // An operating system command goes on until BEL or ESC \.
            '\u{1b}' if characters.peek() == Some(&']') => {
                while let Some(next) = characters.next() {
                    if next == '\u{7}' || (next == '\u{1b}' && characters.next_if_eq(&'\\').is_some()) {
                        break;
                    }
                }
            }
            '\t' => shown.push(character),
            // Marks that turn the direction of text could make a line read differently from what it is.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            character if character.is_control() => {}
            character => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn only_colours_survive() {
        assert_eq!(harmless("\u{1b}[1;32mok\u{1b}[0m"), "\u{1b}[1;32mok\u{1b}[0m");
        for (text, shown) in [
            ("a\u{1b}[2Kb\u{1b}[1Ac", "abc"),
            ("\u{1b}]0;title\u{7}x", "x"),
            ("\u{1b}]8;;http://evil\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("a\u{9b}31mb\u{202e}c\r\u{8}", "a31mbc"),
            ("\u{1b}[?25l", ""),
            ("\u{1b}", ""),
        ] {
            assert_eq!(harmless(text), shown, "{text:?}");
        }
    }
}
