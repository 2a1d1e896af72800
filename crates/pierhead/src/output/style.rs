//! Colour and symbols, and who may have them.

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};

use super::Color;
use crate::environment::Environment;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const LINK: Style = AnsiColor::Cyan.on_default();

/// Text in a style; the printer takes the style away where it does not belong.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Whether one stream gets colour: what was asked for, then the conventions `NO_COLOR`, `CLICOLOR_FORCE` and `TERM=dumb`,
/// then whether it is a terminal.
pub(crate) fn choice(color: Color, is_terminal: bool, environment: &Environment) -> ColorChoice {
    let forced = environment.get("CLICOLOR_FORCE").is_some_and(|value| value != "0");
    let refused = environment.get("NO_COLOR").is_some() || environment.get("TERM") == Some("dumb");
    match color {
        Color::Always => ColorChoice::AlwaysAnsi,
        Color::Never => ColorChoice::Never,
        Color::Auto if environment.get("NO_COLOR").is_some() => ColorChoice::Never,
        Color::Auto if forced => ColorChoice::AlwaysAnsi,
        Color::Auto if is_terminal && !refused => ColorChoice::AlwaysAnsi,
        Color::Auto => ColorChoice::Never,
    }
}

/// Marks that the locale can show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Symbols {
    pub(crate) done: &'static str,
    pub(crate) failed: &'static str,
    pub(crate) arrow: &'static str,
    pub(crate) ticks: &'static [&'static str],
    /// The terminal cannot move its cursor.
    pub(crate) dumb: bool,
}

impl Symbols {
    pub(crate) fn new(environment: &Environment) -> Self {
        let dumb = environment.get("TERM") == Some("dumb");
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| environment.get(name));
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") {
            let ticks = &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏", "✓"];
            Self { done: "✓", failed: "✗", arrow: "→", ticks, dumb }
        } else {
            Self { done: "+", failed: "x", arrow: "->", ticks: &["-", "\\", "|", "/", "+"], dumb }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(color: Color, is_terminal: bool, variables: &[(&str, &str)]) -> bool {
        let environment = Environment::from_pairs(variables);
        choice(color, is_terminal, &environment) == ColorChoice::AlwaysAnsi
    }

    #[test]
    fn colour_is_decided_by_flag_then_convention_then_terminal() {
        assert!(choose(Color::Auto, true, &[]));
        assert!(!choose(Color::Auto, false, &[]));
        assert!(!choose(Color::Auto, true, &[("NO_COLOR", "1")]));
        assert!(choose(Color::Auto, true, &[("NO_COLOR", "")]), "an empty NO_COLOR says nothing");
        assert!(!choose(Color::Auto, true, &[("TERM", "dumb")]));
        assert!(choose(Color::Auto, false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!choose(Color::Auto, false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!choose(Color::Auto, false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
        assert!(choose(Color::Always, false, &[("NO_COLOR", "1")]));
        assert!(!choose(Color::Never, true, &[("CLICOLOR_FORCE", "1")]));
    }
}
