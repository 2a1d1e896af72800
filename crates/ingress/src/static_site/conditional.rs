//! `If-None-Match` and `If-Range`: has what the visitor keeps changed? (RFC 9110, section 13.)

use http::header::{IF_NONE_MATCH, IF_RANGE};
use http::{HeaderMap, HeaderValue};

/// Whether the visitor has exactly this already. Compared weakly, as `If-None-Match` is: caches on the way may have made
/// the tag weak.
pub(super) fn is_unchanged(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes())
    })
}

/// Whether a range may be answered: without `If-Range` always, with it only if the tag is strong and the same. We know no
/// dates, so a date is never the same.
pub(super) fn range_holds(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    headers.get(IF_RANGE).is_none_or(|value| value == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        let etag = HeaderValue::from_static("\"abc\"");
        for (value, same) in [
            ("\"abc\"", true),
            ("W/\"abc\"", true),
            ("\"x\", \"abc\"", true),
            ("*", true),
            ("\"x\"", false),
            ("abc", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static(value));
            assert_eq!(is_unchanged(&headers, &etag), same, "{value}");
        }
        for (value, same) in
            [("\"abc\"", true), ("W/\"abc\"", false), ("Wed, 21 Oct 2015 07:28:00 GMT", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(IF_RANGE, HeaderValue::from_static(value));
            assert_eq!(range_holds(&headers, &etag), same, "{value}");
        }
        assert!(range_holds(&HeaderMap::new(), &etag));
    }
}
