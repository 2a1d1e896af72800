//! What a registry asks for: the `WWW-Authenticate` header (RFC 9110, 11.6.1).
//!
//! One header may hold several challenges, and commas separate both challenges and parameters, so this is a small parser
//! and not a split. What cannot be read is left out: a registry that asks for nothing that can be given is told apart later.

/// One thing a registry would accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    Basic,
    /// A token from `realm`, for `service` and `scope`.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

/// Longer headers are nobody's honest challenge.
const MAX_HEADER: usize = 8 * 1024;

/// All challenges in one header's value that this client can answer.
pub fn parse(header: &str) -> Vec<Challenge> {
    let mut found = Vec::new();
    if header.len() > MAX_HEADER {
        return found;
    }
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let Some((scheme, after)) = token(rest) else { return found };
        let (parameters, after) = parameters(after);
        rest = after;
        let value = |name: &str| {
            let of_name = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
            parameters.iter().find(of_name).map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
        };
        if scheme.eq_ignore_ascii_case("basic") {
            found.push(Challenge::Basic);
        } else if scheme.eq_ignore_ascii_case("bearer")
            && let Some(realm) = value("realm")
        {
            found.push(Challenge::Bearer { realm, service: value("service"), scope: value("scope") });
        }
    }
}

/// `name=value` pairs until something else comes, which is the next challenge's scheme.
fn parameters(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    loop {
        let start = rest.trim_start_matches([' ', '\t', ',']);
        let Some((name, after)) = token(start) else { return (found, start) };
        let Some(after) = after.trim_start_matches([' ', '\t']).strip_prefix('=') else {
            return (found, start);
        };
        let after = after.trim_start_matches([' ', '\t']);
        let Some((value, after)) = quoted(after).or_else(|| {
            // A token, loosely: realms without quotes are met in the wild.
            let end = after.find([',', ' ', '\t']).unwrap_or(after.len());
            Some((after[..end].to_owned(), &after[end..]))
        }) else {
            return (found, start);
        };
        found.push((name.to_owned(), value));
        rest = after;
    }
}

fn token(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)))
        .unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.strip_prefix('"')?.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &text[at + 2..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }
    }

    #[test]
    fn what_registries_send_is_read() {
        for (header, expected) in [
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/postgres:pull""#,
                vec![bearer(
                    "https://auth.docker.io/token",
                    Some("registry.docker.io"),
                    Some("repository:library/postgres:pull"),
                )],
            ),
            (
                r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull""#,
                vec![bearer("https://ghcr.io/token", Some("ghcr.io"), Some("repository:user/image:pull"))],
            ),
            (r#"Basic realm="Registry""#, vec![Challenge::Basic]),
            ("basic", vec![Challenge::Basic]),
            (r#"bearer Realm = "https://a/t" , service=b"#, vec![bearer("https://a/t", Some("b"), None)]),
            ("Bearer realm=https://a/t,scope=\"\"", vec![bearer("https://a/t", None, None)]),
            (
                r#"Basic realm="a, Bearer realm=\"x\"", Bearer realm="https://a/t",scope="a,b c""#,
                vec![Challenge::Basic, bearer("https://a/t", None, Some("a,b c"))],
            ),
            (r#"Negotiate, NTLM abc==, Bearer realm="https://a/t""#, vec![bearer("https://a/t", None, None)]),
        ] {
            assert_eq!(parse(header), expected, "{header}");
        }
    }

    #[test]
    fn what_cannot_be_answered_is_left_out() {
        let long = format!("Bearer realm=\"{}\"", "a".repeat(MAX_HEADER));
        for header in
            ["", ",,,", "Digest realm=\"x\", nonce=\"y\"", "Bearer", "Bearer service=\"x\"", "\"", &long]
        {
            assert_eq!(parse(header), [], "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_header_ends(header in "[ -~]{0,80}") {
            parse(&header);
        }

        #[test]
        fn values_come_back_as_they_were(realm in "[ -~]{1,30}") {
            let escaped = realm.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(parse(&format!("Bearer realm=\"{escaped}\"")), [bearer(&realm, None, None)]);
        }
    }
}
