//! How a list goes on: the `Link` header of a page (RFC 8288, and the distribution specification on it).
//!
//! Only the query of the next page is taken. Where a registry believes itself to be is often wrong behind a reverse proxy, and
//! a next page on another host would be somebody else's idea.

use reqwest::header::{HeaderMap, LINK};
use url::Url;

/// The query of the next page.
pub(crate) fn next_query(headers: &HeaderMap, page: &Url) -> Option<String> {
    let values = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(links).find_map(|(target, parameters)| {
        let next = parameters.split(';').any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            name.trim().eq_ignore_ascii_case("rel")
                && value.trim().trim_matches('"').split(' ').any(|kind| kind.eq_ignore_ascii_case("next"))
        });
        let target = page.join(target).ok().filter(|_| next)?;
        target.query().filter(|query| !query.is_empty()).map(str::to_owned)
    })
}

/// `<target>; parameters` pairs; a target may hold commas.
fn links(value: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((target, after)) = after.split_once('>') else { break };
        let end = after.find(",<").or_else(|| after.find(", <")).unwrap_or(after.len());
        found.push((target, &after[..end]));
        rest = &after[end..];
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next(link: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, link.parse().unwrap());
        next_query(&headers, &Url::parse("https://r.example/v2/a/tags/list?n=2").unwrap())
    }

    #[test]
    fn the_next_page_is_found_in_what_registries_send() {
        for (link, expected) in [
            ("</v2/a/tags/list?last=b&n=2>; rel=\"next\"", Some("last=b&n=2")),
            ("<https://internal:5000/v2/a/tags/list?n=2&last=b>; rel=next", Some("n=2&last=b")),
            ("<?last=b>; Rel=\"prev next\"", Some("last=b")),
            (
                "</first?x=1>; rel=\"first\", </v2/a?last=c,d&n=2>; title=\"x\"; rel=\"next\"",
                Some("last=c,d&n=2"),
            ),
            ("</v2/a/tags/list>; rel=\"next\"", None),
            ("</v2/a/tags/list?last=b>; rel=\"prev\"", None),
            ("</v2/a/tags/list?last=b>", None),
            ("</v2/a/tags/list?last=b; rel=next", None),
            ("nonsense", None),
        ] {
            assert_eq!(next(link).as_deref(), expected, "{link}");
        }
    }

    proptest! {
        #[test]
        fn any_header_ends(link in "[ -~]{0,80}") {
            next(&link);
        }
    }
}
