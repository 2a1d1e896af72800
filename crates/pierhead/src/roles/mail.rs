//! Letters by SMTP.

use async_trait::async_trait;
use lettre::message::{Mailbox, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use pierhead_control::{Letter, MailError, Mailer};
use secrecy::{ExposeSecret as _, SecretString};

use crate::settings::mail::{Encryption, MailServer};

/// The way to one server, which is dialled anew for each letter: there are few.
#[derive(Debug)]
pub(crate) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    server: MailServer,
}

impl Smtp {
    pub(crate) fn new(
        server: MailServer,
        password: Option<&SecretString>,
        from: Mailbox,
    ) -> anyhow::Result<Self> {
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host).port(server.port);
        let parameters = || TlsParameters::new(server.host.clone());
        builder = builder.tls(match server.encryption {
            Encryption::Tls => Tls::Wrapper(parameters()?),
            // Never without: whoever is between could take the offer out.
            Encryption::StartTls => Tls::Required(parameters()?),
            Encryption::None => Tls::None,
        });
        if let (Some(user), Some(password)) = (&server.user, password) {
            builder =
                builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
        }
        Ok(Self { transport: builder.build(), from, server })
    }

    fn message(&self, id: &str, letter: &Letter) -> Result<Message, MailError> {
        let refused = |error: &dyn std::error::Error| MailError::Refused(error.to_string());
        let to: Mailbox = letter.to.parse().map_err(|error| refused(&error))?;
        let domain = self.from.email.domain();
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(&letter.subject)
            .message_id(Some(format!("<{id}@{domain}>")))
            .header(header::ContentType::TEXT_PLAIN)
            // No robot answers it.
            .raw_header(header::HeaderValue::new(
                header::HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .body(letter.text.clone())
            .map_err(|error| refused(&error))
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, id: &str, letter: &Letter) -> Result<(), MailError> {
        let message = self.message(id, letter)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            // What a server says for good is for good of this letter, unless it is about us: a wrong password is set right.
            Err(error) if error.is_permanent() && !is_about_us(&error) => {
                Err(MailError::Refused(told(&error)))
            }
            Err(error) => Err(MailError::Passing(told(&error))),
        }
    }

    fn describe(&self) -> (String, String) {
        (self.from.to_string(), format!("{}:{}", self.server.host, self.server.port))
    }
}

/// 53x: it wants to know who we are, or does not believe it (RFC 4954).
fn is_about_us(error: &lettre::transport::smtp::Error) -> bool {
    error.status().is_some_and(|code| matches!(code.to_string().as_str(), "530" | "534" | "535" | "538"))
}

/// With its causes: the outermost says only that there was a problem.
fn told(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_has_no_headers_but_its_own() {
        let server =
            MailServer { host: "127.0.0.1".to_owned(), port: 25, user: None, encryption: Encryption::None };
        let smtp = Smtp::new(server, None, "Pierhead <pierhead@example.com>".parse().unwrap()).unwrap();
        let letter = |to: &str, subject: &str| Letter {
            to: to.to_owned(),
            subject: subject.to_owned(),
            text: "Hello\n.\nBcc: x@y.z\n".to_owned(),
        };
        let message =
            smtp.message("ltr_1", &letter("ada@example.com", "A\r\nBcc: evil@example.com")).unwrap();
        let text = String::from_utf8(message.formatted()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.to_lowercase().starts_with("bcc:")), "{head}");
        assert!(
            head.contains("Message-ID: <ltr_1@example.com>") && head.contains("Auto-Submitted:"),
            "{head}"
        );
        assert_eq!(message.envelope().to().len(), 1);
        for to in ["ada@example.com\r\nBcc: x@y.z", "ada", "a@b.c, d@e.f"] {
            assert!(matches!(smtp.message("1", &letter(to, "x")), Err(MailError::Refused(_))), "{to}");
        }
    }
}
