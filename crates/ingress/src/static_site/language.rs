//! `Accept-Language`, as far as redirects need it: what does the visitor want most?

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

/// Whether the language that a visitor likes best is one of these; `de` also means `de-AT`.
pub(super) fn prefers_one_of(headers: &HeaderMap, languages: &[String]) -> bool {
    let Some(Ok(text)) = headers.get(ACCEPT_LANGUAGE).map(|value| value.to_str()) else { return false };
    let mut best: Option<(&str, u16)> = None;
    for range in text.split(',') {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or_default().trim();
        let weight = parts.find_map(|part| super::encoding::weight(part.trim())).unwrap_or(1000);
        if best.is_none_or(|(_, known)| weight > known) {
            best = Some((tag, weight));
        }
    }
    let Some((tag, 1..)) = best else { return false };
    let primary = tag.split('-').next().unwrap_or_default();
    languages.iter().any(|wanted| wanted.eq_ignore_ascii_case(tag) || wanted.eq_ignore_ascii_case(primary))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_best_counts() {
        for (accept, wanted, expected) in [
            ("de", "de", true),
            ("de-AT, en;q=0.8", "de", true),
            ("en;q=0.8, de-AT", "de", true),
            ("en, de", "de", false),
            ("de-AT", "de-at", true),
            ("de;q=0", "de", false),
            ("*", "de", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(accept));
            assert_eq!(prefers_one_of(&headers, &[wanted.to_owned()]), expected, "{accept} {wanted}");
        }
    }
}
