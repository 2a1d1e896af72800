//! `_redirects` and `_headers`: a site's own rules, in the grammar that people know from elsewhere.
//!
//! A line that cannot be understood is left out: a site must not go down for a typing error in one rule.

use hyper::header::{HeaderName, HeaderValue};

const MAXIMUM_RULES: usize = 1000;

/// One line of `_redirects`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redirect {
    from: Pattern,
    to: String,
    pub(crate) status: u16,
    /// Even when a file of that name exists.
    pub(crate) force: bool,
}

/// One block of `_headers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeaderRule {
    path: Pattern,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// `/blog/:year/*`: parts that must be equal, parts with a name, and perhaps a rest.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Named(String),
    Rest,
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let path = text.strip_prefix('/')?;
        let parts = path.split('/').filter(|part| !part.is_empty()).map(|part| match part {
            "*" => Part::Rest,
            part => match part.strip_prefix(':') {
                Some(name) => Part::Named(name.to_owned()),
                None => Part::Text(part.to_owned()),
            },
        });
        let parts: Vec<Part> = parts.collect();
        let rest_is_last = parts.iter().rev().skip(1).all(|part| *part != Part::Rest);
        rest_is_last.then_some(Self(parts))
    }

    /// What the names and the rest stand for, when the path fits.
    fn fits(&self, path: &str) -> Option<Vec<(String, String)>> {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let mut values = Vec::new();
        for wanted in &self.0 {
            match wanted {
                Part::Rest => {
                    let rest: Vec<&str> = parts.by_ref().collect();
                    values.push(("splat".to_owned(), rest.join("/")));
                }
                Part::Named(name) => values.push((name.clone(), parts.next()?.to_owned())),
                Part::Text(text) => {
                    if parts.next()? != text {
                        return None;
                    }
                }
            }
        }
        parts.next().is_none().then_some(values)
    }
}

impl Redirect {
    /// Where a path leads to, when this rule is for it.
    pub(crate) fn target(&self, path: &str) -> Option<String> {
        let values = self.from.fits(path)?;
        let mut target = self.to.clone();
        for (name, value) in values {
            target = target.replace(&format!(":{name}"), &value);
        }
        Some(target)
    }
}

impl HeaderRule {
    pub(crate) fn fits(&self, path: &str) -> bool {
        self.path.fits(path).is_some()
    }
}

pub(crate) fn parse_redirects(text: &str) -> Vec<Redirect> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(redirect).take(MAXIMUM_RULES).collect()
}

fn redirect(line: &str) -> Option<Redirect> {
    let mut words = line.split_whitespace();
    let from = Pattern::parse(words.next()?)?;
    // A word like `id=:id` before the target is a condition on the query, which is not known here.
    let to = words.next().filter(|to| to.starts_with('/') || to.contains("://"))?.to_owned();
    let (mut status, mut force) = (301, false);
    if let Some(word) = words.next() {
        let number = word.strip_suffix('!').unwrap_or(word);
        force = number != word;
        status = number
            .parse()
            .ok()
            .filter(|status| matches!(status, 200 | 301 | 302 | 303 | 307 | 308 | 404 | 410))?;
    }
    // Conditions (countries, languages, roles) are not known here: such a rule would be for everybody.
    if words.next().is_some() {
        return None;
    }
    let is_path = to.starts_with('/') && !to.starts_with("//");
    let is_address = to.starts_with("https://") || to.starts_with("http://");
    let may_be = is_path || (is_address && status != 200);
    may_be.then_some(Redirect { from, to, status, force })
}

pub(crate) fn parse_headers(text: &str) -> Vec<HeaderRule> {
    let mut rules: Vec<HeaderRule> = Vec::new();
    let mut in_block = false;
    for line in text.lines().map(str::trim_end) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if trimmed.starts_with('/') {
            in_block = match Pattern::parse(trimmed) {
                Some(path) if rules.len() < MAXIMUM_RULES => {
                    rules.push(HeaderRule { path, headers: Vec::new() });
                    true
                }
                _ => false,
            };
        } else if let (true, Some((name, value)), Some(rule)) =
            (in_block, trimmed.split_once(':'), rules.last_mut())
            && let (Ok(name), Ok(value)) = (name.trim().parse(), HeaderValue::from_str(value.trim()))
        {
            rule.headers.push((name, value));
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_in_order_with_names_and_rest() {
        let rules = parse_redirects(
            "# old blog\n/blog/:year/:slug  /posts/:slug?y=:year  302\n/old/*  /new/:splat\n/* /index.html 200\n/x https://o.example/y 301!\n",
        );
        let first = |path: &str| rules.iter().find_map(|rule| Some((rule.target(path)?, rule.status)));
        assert_eq!(first("/blog/2020/hello"), Some(("/posts/hello?y=2020".into(), 302)));
        assert_eq!(first("/old/a/b"), Some(("/new/a/b".into(), 301)));
        assert_eq!(first("/anything"), Some(("/index.html".into(), 200)));
        assert!(rules[3].force);
    }

    #[test]
    fn what_cannot_be_understood_is_left_out() {
        for line in [
            "",
            "/a",
            "a /b",
            "/a b",
            "/a //evil",
            "/a /b 999",
            "/a /b 302 Country=de",
            "/*/x /y",
            "/a https://x 200",
        ] {
            assert_eq!(parse_redirects(line), [], "{line}");
        }
    }

    #[test]
    fn headers_of_a_path() {
        let rules = parse_headers("/assets/*\n  X-A: 1\n  X-B: 2\nX-C: 3\n/api\n  bad header\n");
        assert_eq!(rules[0].headers.len(), 3);
        assert!(rules[0].fits("/assets/a/b.js"));
        assert!(!rules[0].fits("/other"));
        assert_eq!(rules[1].headers, []);
    }
}
