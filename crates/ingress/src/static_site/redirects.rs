//! `_redirects`: which rule applies to a request, and where it leads.
//!
//! The first rule that applies wins. A rule does not apply where the site has a file, unless it is forced with `!`.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;

use super::language;
use super::path::{encode, encode_query_value};
use super::pattern::{Captures, Pattern, is_name};

#[derive(Debug, Clone, Default)]
pub(super) struct Redirects {
    pub(super) rules: Vec<Rule>,
    pub(super) any_forced: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// Only for this host, when the rule's path was a whole URL.
    pub(super) host: Option<String>,
    pub(super) from: Pattern,
    /// Query parameters that must be there.
    pub(super) query: Vec<(String, QueryValue)>,
    pub(super) to: String,
    pub(super) action: Action,
    pub(super) forced: bool,
    pub(super) languages: Vec<String>,
    pub(super) countries: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum QueryValue {
    Exactly(String),
    /// Any value, known by this name in the target.
    Captured(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Redirect(StatusCode),
    /// Answer with another file of the site, with this status.
    Rewrite(StatusCode),
}

/// What a rule says about one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Redirect(StatusCode, HeaderValue),
    /// A decoded path of the site.
    Rewrite(StatusCode, String),
}

/// The parts of a request that rules look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) host: &'a str,
    /// Decoded.
    pub(super) path: &'a str,
    /// As it arrived.
    pub(super) raw_path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
}

impl Redirects {
    pub(super) fn find(&self, asked: &Asked<'_>, file_exists: bool) -> Option<Verdict> {
        if file_exists && !self.any_forced {
            return None;
        }
        let mut rules = self.rules.iter().filter(|rule| rule.forced || !file_exists);
        rules.find_map(|rule| rule.judge(asked))
    }
}

impl Rule {
    fn judge(&self, asked: &Asked<'_>) -> Option<Verdict> {
        if self.host.as_ref().is_some_and(|host| host != asked.host) {
            return None;
        }
        let mut captures = self.from.captures(asked.path)?;
        if !self.conditions_hold(asked.headers) {
            return None;
        }
        let left_over = self.match_query(asked.query, &mut captures)?;
        match self.action {
            Action::Rewrite(status) => {
                let target = self.to.split(['?', '#']).next().unwrap_or_default();
                let target = percent_decode_str(target).decode_utf8().ok()?;
                Some(Verdict::Rewrite(
                    status,
                    one_leading_slash(fill(&target, &captures, |value| value.to_owned())),
                ))
            }
            Action::Redirect(status) => {
                let location = self.location(&captures, &left_over);
                // A rule that leads to where the visitor is would lead there for ever.
                let here = location.split(['?', '#']).next() == Some(asked.raw_path)
                    && location.split_once('?').map(|(_, query)| query) == asked.query;
                if here {
                    return None;
                }
                Some(Verdict::Redirect(status, HeaderValue::from_str(&location).ok()?))
            }
        }
    }

    fn conditions_hold(&self, headers: &HeaderMap) -> bool {
        let country = || headers.get("cf-ipcountry").or_else(|| headers.get("x-country"));
        (self.languages.is_empty() || language::prefers_one_of(headers, &self.languages))
            && (self.countries.is_empty()
                || country().and_then(|value| value.to_str().ok()).is_some_and(|country| {
                    self.countries.iter().any(|wanted| wanted.eq_ignore_ascii_case(country))
                }))
    }

    /// The parameters that the rule does not name, or nothing if one that it names is missing.
    fn match_query<'a>(
        &'a self,
        query: Option<&'a str>,
        captures: &mut Captures<'a>,
    ) -> Option<Vec<&'a str>> {
        let pairs: Vec<&str> = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).collect();
        for (name, wanted) in &self.query {
            let value = pairs.iter().find_map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (query_text(key) == *name).then(|| query_text(value))
            })?;
            match wanted {
                QueryValue::Exactly(wanted) if *wanted == value => {}
                QueryValue::Exactly(_) => return None,
                QueryValue::Captured(name) => captures.add(Cow::Borrowed(name), value),
            }
        }
        let named = |pair: &&str| {
            let key = query_text(pair.split_once('=').map_or(*pair, |(key, _)| key));
            self.query.iter().any(|(name, _)| *name == key)
        };
        Some(pairs.into_iter().filter(|pair| !named(pair)).collect())
    }

    fn location(&self, captures: &Captures<'_>, left_over: &[&str]) -> String {
        let (target, fragment) = match self.to.split_once('#') {
            Some((target, fragment)) => (target, Some(fragment)),
            None => (self.to.as_str(), None),
        };
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(fill(query, captures, encode_query_value))),
            None => (target, (!left_over.is_empty()).then(|| left_over.join("&"))),
        };
        let mut location = fill(path, captures, encode);
        if location.starts_with('/') {
            location = one_leading_slash(location);
        }
        if let Some(query) = query {
            location.push('?');
            location.push_str(&query);
        }
        if let Some(fragment) = fragment {
            location.push('#');
            location.push_str(fragment);
        }
        location
    }
}

/// `//evil.example` would be another host: what a visitor put into a placeholder must not decide that.
fn one_leading_slash(path: String) -> String {
    let rest = path.trim_start_matches(['/', '\\']);
    if path.len() - rest.len() <= 1 { path } else { format!("/{rest}") }
}

/// Replaces `:name` where a value is known; everything else stays.
fn fill(template: &str, captures: &Captures<'_>, encode: impl Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut pieces = template.split(':');
    filled.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let end = piece.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(piece.len());
        let (name, rest) = piece.split_at(end);
        match captures.get(name).filter(|_| is_name(name)) {
            Some(value) => filled.push_str(&encode(value)),
            None => {
                filled.push(':');
                filled.push_str(name);
            }
        }
        filled.push_str(rest);
    }
    filled
}

fn query_text(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::redirect_parser;
    use super::*;

    fn ask(file: &str, url: &str, headers: &[(&'static str, &'static str)], file_exists: bool) -> String {
        let parsed = redirect_parser::parse(file);
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let (path, query) = match url.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (url, None),
        };
        let decoded = super::super::path::normalise(path).unwrap();
        let asked = Asked { host: "site.test", path: &decoded, raw_path: path, query, headers: &headers };
        match parsed.redirects.find(&asked, file_exists) {
            None => "-".to_owned(),
            Some(Verdict::Redirect(status, to)) => format!("{} {}", status.as_u16(), to.to_str().unwrap()),
            Some(Verdict::Rewrite(status, to)) => format!("{} ={to}", status.as_u16()),
        }
    }

    #[test]
    fn rules() {
        for (file, url, expected) in [
            ("/a /b", "/a", "301 /b"),
            ("/a /b", "/a/", "301 /b"),
            ("/a /b", "/c", "-"),
            ("/a /b 302", "/a?x=1&y=2", "302 /b?x=1&y=2"),
            ("/a /b?z=1", "/a?x=1", "301 /b?z=1"),
            ("/a https://other.example/x 308", "/a", "308 https://other.example/x"),
            ("/blog/* /posts/:splat", "/blog/2024/x", "301 /posts/2024/x"),
            ("/blog/* /posts/:splat", "/blog", "301 /posts/"),
            ("/u/:id /user?id=:id", "/u/a%26b", "301 /user?id=a%26b"),
            ("/:y/:m/:slug /posts/:slug-:y", "/2024/05/hi", "301 /posts/hi-2024"),
            ("/* /index.html 200", "/deep/link", "200 =/index.html"),
            ("/old/* /new/:splat 200", "/old/caf%C3%A9", "200 =/new/café"),
            ("/x /404.html 404", "/x", "404 =/404.html"),
            ("/store id=:id /blog/:id 301", "/store?id=my-post", "301 /blog/my-post"),
            ("/store id=:id /blog/:id 301", "/store", "-"),
            ("/store id=:id /blog/:id 301", "/store?id=1&utm=2", "301 /blog/1?utm=2"),
            ("/s kind=a /a\n/s kind=b /b", "/s?kind=b", "301 /b"),
            ("/a /first\n/a /second", "/a", "301 /first"),
            ("/* /:splat 302", "//evil.example", "302 /evil.example"),
            ("/go/* /:splat 302", "/go//evil.example/x", "302 /evil.example/x"),
            ("/caf%C3%A9 /coffee", "/caf%C3%A9", "301 /coffee"),
            ("/a /a", "/a", "-"),
            ("/* /", "/", "-"),
            ("/* /", "/x", "301 /"),
            ("http://site.test/a /b", "/a", "301 /b"),
            ("http://other.test/a /b", "/a", "-"),
            ("/a /b#part", "/a", "301 /b#part"),
            ("/p https://x.example:8443/:splat", "/p", "301 https://x.example:8443/:splat"),
        ] {
            assert_eq!(ask(file, url, &[], false), expected, "{file} {url}");
        }
    }

    #[test]
    fn files_win_unless_a_rule_is_forced() {
        assert_eq!(ask("/a /b", "/a", &[], true), "-");
        assert_eq!(ask("/a /b 301!", "/a", &[], true), "301 /b");
        assert_eq!(ask("/a /c\n/a /b 302!", "/a", &[], true), "302 /b");
        assert_eq!(ask("/a /c\n/a /b 302!", "/a", &[], false), "301 /c");
    }

    #[test]
    fn conditions() {
        let rule = "/ /de/ 302 Language=de,at\n/ /au/ 302 Country=au,nz";
        assert_eq!(ask(rule, "/", &[("accept-language", "de-AT,en;q=0.5")], false), "302 /de/");
        assert_eq!(ask(rule, "/", &[("accept-language", "en,de;q=0.5")], false), "-");
        assert_eq!(ask(rule, "/", &[("cf-ipcountry", "NZ")], false), "302 /au/");
        assert_eq!(ask(rule, "/", &[], false), "-");
    }
}
