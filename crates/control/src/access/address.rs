//! Addresses of people, and the names they go by.

use crate::error::Error;

/// Longest address that post can be sent to (RFC 5321).
const LONGEST: usize = 254;
const LONGEST_NAME: usize = 100;

/// Lower case, and of a form that can be an address. Whether it is one only a letter can tell.
pub(crate) fn parse(text: &str) -> Result<String, &'static str> {
    let address = text.trim().to_lowercase();
    let parts = address.split_once('@');
    let good = parts.is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !domain.starts_with('.') && !domain.contains('@')
    });
    let plain = !address.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,;\"\\".contains(c));
    if good && plain && address.len() <= LONGEST { Ok(address) } else { Err("is not an e-mail address") }
}

/// What somebody is called: what they say, or what stands before the `@`.
pub(crate) fn name(said: Option<&str>, address: &str) -> Result<String, Error> {
    let name = said.map_or("", str::trim);
    if name.chars().count() > LONGEST_NAME || name.contains(char::is_control) {
        return Err(Error::invalid("/name", "at most 100 characters on one line"));
    }
    if name.is_empty() {
        return Ok(address.split('@').next().unwrap_or_default().to_owned());
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_lower_case_and_hold_no_header() {
        assert_eq!(parse(" Ada@Example.COM ").as_deref(), Ok("ada@example.com"));
        for bad in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "a@b@c.d",
            "a@b.c\r\nBcc: x@y.z",
            "<a@b.c>",
            "a b@c.d",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&format!("{}@example.com", "a".repeat(260))).is_err());
    }
}
