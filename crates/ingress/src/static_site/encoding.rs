//! Choosing among a file's variants by `Accept-Encoding` (RFC 9110, section 12.5.3).

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;
use pierhead_model::release::Encoding;

/// Preferred among what a visitor likes equally: the smaller first, as a rule.
const BY_PREFERENCE: [Encoding; 3] = [Encoding::Br, Encoding::Zstd, Encoding::Gzip];

/// The variant to send, of those that `available` knows; `None` is the file as it is.
pub(super) fn choose(headers: &HeaderMap, available: impl Fn(Encoding) -> bool) -> Option<Encoding> {
    let mut accepted = Accepted::default();
    for value in headers.get_all(ACCEPT_ENCODING) {
        if let Ok(text) = value.to_str() {
            accepted.read(text);
        }
    }
    let best = BY_PREFERENCE
        .into_iter()
        .filter(|encoding| available(*encoding))
        .map(|encoding| (encoding, accepted.of(encoding)))
        .filter(|(_, weight)| *weight > 0)
        // The first of equals.
        .reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.filter(|(_, weight)| *weight >= accepted.identity.unwrap_or(0)).map(|(encoding, _)| encoding)
}

/// Weights in thousandths.
#[derive(Debug, Default)]
struct Accepted {
    br: Option<u16>,
    zstd: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    any: Option<u16>,
}

impl Accepted {
    fn read(&mut self, text: &str) {
        for item in text.split(',') {
            let mut parts = item.split(';');
            let coding = parts.next().unwrap_or_default().trim();
            let weight = parts.find_map(|part| weight(part.trim())).unwrap_or(1000);
            let is = |name: &str| coding.eq_ignore_ascii_case(name);
            let slot = if is("br") {
                &mut self.br
            } else if is("zstd") {
                &mut self.zstd
            } else if is("gzip") || is("x-gzip") {
                &mut self.gzip
            } else if is("identity") {
                &mut self.identity
            } else if is("*") {
                &mut self.any
            } else {
                continue;
            };
            *slot = Some(weight);
        }
    }

    fn of(&self, encoding: Encoding) -> u16 {
        let named = match encoding {
            Encoding::Br => self.br,
            Encoding::Zstd => self.zstd,
            Encoding::Gzip => self.gzip,
        };
        named.or(self.any).unwrap_or(0)
    }
}

/// `q=0.8` is 800. What is not a weight is none.
pub(super) fn weight(parameter: &str) -> Option<u16> {
    let value = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?.trim();
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 3 {
        return Some(0);
    }
    let thousandths = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let fraction = thousandths.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    Some(if whole.bytes().all(|digit| digit == b'0') { fraction } else { 1000 })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn chooses_what_the_visitor_likes_best() {
        use Encoding::{Br, Gzip, Zstd};
        let all = [Br, Zstd, Gzip];
        for (accept, available, chosen) in [
            ("gzip, deflate, br, zstd", &all[..], Some(Br)),
            ("gzip, deflate", &all, Some(Gzip)),
            ("gzip;q=1.0, br;q=0.5", &all, Some(Gzip)),
            ("br;q=0, gzip", &all, Some(Gzip)),
            ("br;q=0.000", &all, None),
            ("*", &all, Some(Br)),
            ("*;q=0.1, br;q=0", &all, Some(Zstd)),
            ("identity", &all, None),
            ("identity;q=1, gzip;q=0.5", &all, None),
            ("identity;q=0.5, gzip;q=0.5", &all, Some(Gzip)),
            ("", &all, None),
            ("BR", &all, Some(Br)),
            ("br", &[Gzip], None),
            ("gzip;q=x", &all, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accept));
            assert_eq!(choose(&headers, |encoding| available.contains(&encoding)), chosen, "{accept}");
        }
        assert_eq!(choose(&HeaderMap::new(), |_| true), None);
    }

    #[test]
    fn weights() {
        for (text, expected) in [
            ("q=1", Some(1000)),
            ("q=0.8", Some(800)),
            ("q=0.05", Some(50)),
            ("q=0", Some(0)),
            ("q=", Some(0)),
            ("level=1", None),
        ] {
            assert_eq!(weight(text), expected, "{text}");
        }
    }
}
