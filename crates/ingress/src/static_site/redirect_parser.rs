//! The lines of `_redirects`, in Netlify's grammar:
//!
//! ```text
//! from [parameter=value | parameter=:name …] to [status[!]] [Condition=value,… …]   # comment
//! ```
//!
//! A line that is not understood is left out with a warning that names it; the others still count. The file is foreign text:
//! it is read up to 64 KiB and 1,000 rules.

use http::StatusCode;

use super::pattern::{Pattern, is_name};
use super::redirects::{Action, QueryValue, Redirects, Rule};

const MAX_BYTES: usize = 64 * 1024;
const MAX_RULES: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) redirects: Redirects,
    /// Line number, from 1, and what is wrong with it.
    pub(super) warnings: Vec<(usize, &'static str)>,
}

pub(super) fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let mut read = 0;
    for (index, line) in text.lines().enumerate() {
        read += line.len() + 1;
        if read > MAX_BYTES || parsed.redirects.rules.len() >= MAX_RULES {
            parsed.warnings.push((index + 1, "the rest is ignored: at most 64 KiB and 1,000 rules are read"));
            break;
        }
        match parse_line(line) {
            Ok(None) => {}
            Ok(Some(rule)) => {
                parsed.redirects.any_forced |= rule.forced;
                parsed.redirects.rules.push(rule);
            }
            Err(warning) => parsed.warnings.push((index + 1, warning)),
        }
    }
    parsed
}

fn parse_line(line: &str) -> Result<Option<Rule>, &'static str> {
    let mut tokens = line.split_whitespace().take_while(|token| !token.starts_with('#')).peekable();
    let Some(from) = tokens.next() else { return Ok(None) };
    let (host, from) = match split_origin(from) {
        Some((host, path)) => (Some(host.to_ascii_lowercase()), path),
        None => (None, from),
    };
    let from = Pattern::parse(from)?;
    let mut query = Vec::new();
    let is_target = |token: &str| token.starts_with('/') || split_origin(token).is_some();
    while let Some(token) = tokens.next_if(|token| !is_target(token)) {
        let (name, value) = token.split_once('=').ok_or("a target or a query parameter was expected")?;
        let value = match value.strip_prefix(':').filter(|name| is_name(name)) {
            Some(name) => QueryValue::Captured(name.to_owned()),
            None => QueryValue::Exactly(value.to_owned()),
        };
        query.push((name.to_owned(), value));
    }
    let to = tokens.next().ok_or("there is no target")?;
    let (status, forced) = match tokens.next_if(|token| token.starts_with(|c: char| c.is_ascii_digit())) {
        None => (StatusCode::MOVED_PERMANENTLY, false),
        Some(token) => {
            let (code, forced) = token.strip_suffix('!').map_or((token, false), |code| (code, true));
            (code.parse().map_err(|_| "the status is not a number of three digits")?, forced)
        }
    };
    let action = action(status, to)?;
    let (mut languages, mut countries) = (Vec::new(), Vec::new());
    for condition in tokens {
        let (name, values) =
            condition.split_once('=').ok_or("a condition such as `Language=en` was expected")?;
        let values = values.split(',').map(str::to_owned);
        match name.to_ascii_lowercase().as_str() {
            "language" => languages.extend(values),
            "country" => countries.extend(values),
            _ => return Err("conditions other than Language and Country are not supported"),
        }
    }
    Ok(Some(Rule { host, from, query, to: to.to_owned(), action, forced, languages, countries }))
}

fn action(status: StatusCode, to: &str) -> Result<Action, &'static str> {
    let origin = split_origin(to);
    match status.as_u16() {
        301 | 302 | 303 | 307 | 308 => {
            if to.starts_with("//") {
                return Err("a target on another host must start with `https://`");
            }
            if origin.is_some_and(|(host, _)| names_placeholder(host)) {
                return Err("a placeholder may not decide the host of a target");
            }
            if !to.bytes().all(|byte| byte.is_ascii_graphic() || byte >= 0x80) {
                return Err("the target holds control characters");
            }
            Ok(Action::Redirect(status))
        }
        200 | 404 | 410 if origin.is_none() => Ok(Action::Rewrite(status)),
        200 | 404 | 410 => Err("rewriting to another host is not supported: use a redirect (301, 302)"),
        _ => Err("this status is not supported: 200, 301, 302, 303, 307, 308, 404 and 410 are"),
    }
}

/// Whether `:name` stands in a host; `:8443` is a port.
fn names_placeholder(host: &str) -> bool {
    host.split_once(':').is_some_and(|(_, rest)| !rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The host and the path of a whole URL.
fn split_origin(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let path = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(path);
    Some((host, if path.is_empty() { "/" } else { path }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn comments_and_blank_lines_are_nothing() {
        let parsed = parse("# all\n\n   \n/a /b # why\n\t/c\t/d\t302\n");
        assert_eq!(parsed.redirects.rules.len(), 2);
        assert!(parsed.warnings.is_empty());
        assert_eq!(parsed.redirects.rules[1].action, Action::Redirect(StatusCode::FOUND));
    }

    #[test]
    fn what_is_not_understood_is_left_out_by_line() {
        for line in [
            "/a",
            "a /b",
            "/a b",
            "/a /b 999",
            "/a /b 20x",
            "/a https://api.example/:splat 200",
            "/a //evil.example",
            "/* https://:splat/x",
            "/a /b 301 Role=admin",
            "/a /b 301 Sign",
            "/*/* /b",
        ] {
            let parsed = parse(&format!("/ok /fine\n{line}\n/ok2 /fine"));
            assert_eq!(parsed.redirects.rules.len(), 2, "{line}");
            assert_eq!(parsed.warnings.len(), 1, "{line}");
            assert_eq!(parsed.warnings[0].0, 2, "{line}");
        }
    }

    #[test]
    fn reads_only_so_much() {
        let parsed = parse(&"/a /b\n".repeat(1500));
        assert_eq!(parsed.redirects.rules.len(), 1000);
        assert_eq!(parsed.warnings.len(), 1);
        assert!(parse(&"#".repeat(70_000)).redirects.rules.is_empty());
    }

    proptest! {
        #[test]
        fn never_panics(text in "[/a:*=!?#0-9 .\\n]{0,80}") {
            parse(&text);
        }
    }
}
