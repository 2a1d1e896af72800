//! Where letters are handed over: `smtps://user@smtp.example.com`, `smtp://smtp.example.com:587`.

use url::Url;

use super::parse::Parse;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MailServer {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: Option<String>,
    pub(crate) encryption: Encryption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// From the first byte.
    Tls,
    /// After `STARTTLS`, which the server must offer.
    StartTls,
    None,
}

impl Parse for MailServer {
    fn parse(text: &str) -> Result<Self, String> {
        let refused = || {
            "is not a mail server: write for example smtps://user@smtp.example.com, or smtp://smtp.example.com:587"
                .to_owned()
        };
        let url: Url = text.parse().map_err(|_| refused())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(refused)?;
        if url.password().is_some() {
            return Err("holds a password: it belongs into `mail.password`".to_owned());
        }
        let here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let (encryption, port) = match (url.scheme(), url.query()) {
            ("smtps", None) => (Encryption::Tls, 465),
            ("smtp", None) if here => (Encryption::None, 25),
            ("smtp", None) => (Encryption::StartTls, 587),
            ("smtp", Some("tls=none")) => (Encryption::None, 25),
            ("smtp", Some("tls=starttls")) => (Encryption::StartTls, 587),
            _ => return Err(refused()),
        };
        if !matches!(url.path(), "" | "/") {
            return Err(refused());
        }
        let user = percent_decoded(url.username());
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(port),
            user: Some(user).filter(|user| !user.is_empty()),
            encryption,
        })
    }
}

/// An address, perhaps with a name: `Pierhead <pierhead@example.com>`.
impl Parse for lettre::message::Mailbox {
    fn parse(text: &str) -> Result<Self, String> {
        let refused = "is not an e-mail address: write for example Pierhead <pierhead@example.com>";
        text.parse().map_err(|_| refused.to_owned())
    }
}

/// Users are often addresses: `ada%40example.com`.
fn percent_decoded(text: &str) -> String {
    // A query of one pair is decoded by the same rules, but for the `+`, which stays one here.
    let query = format!("u={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(query.as_bytes())
        .next()
        .map(|(_, user)| user.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers() {
        let of = |text: &str| {
            <MailServer as Parse>::parse(text).map(|it| {
                let user = it.user.unwrap_or_default();
                format!("{}|{}|{user}|{:?}", it.host, it.port, it.encryption)
            })
        };
        for (text, expected) in [
            ("smtps://ada%40example.com@smtp.example.com", "smtp.example.com|465|ada@example.com|Tls"),
            ("smtp://smtp.example.com", "smtp.example.com|587||StartTls"),
            ("smtp://a+b@smtp.example.com:2525", "smtp.example.com|2525|a+b|StartTls"),
            ("smtp://relay.internal?tls=none", "relay.internal|25||None"),
            ("smtp://127.0.0.1:1025", "127.0.0.1|1025||None"),
            ("smtp://localhost?tls=starttls", "localhost|587||StartTls"),
        ] {
            assert_eq!(of(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["smtp.example.com", "http://x.com", "smtp://x.com/inbox", "smtp://x.com?tls=maybe"] {
            assert!(of(text).is_err(), "{text}");
        }
        assert!(of("smtps://ada:secret@x.com").unwrap_err().contains("mail.password"));
    }
}
