//! The value of one setting, from text.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;

use ipnet::{IpNet, Ipv4Net};
use pierhead_model::hostname::Hostname;
use secrecy::SecretString;

use super::LogFormat;

/// A type that a setting's text becomes. The error completes the sentence "`text` …".
pub(crate) trait Parse: Sized {
    fn parse(text: &str) -> Result<Self, String>;
}

impl Parse for String {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Parse for SecretString {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned().into())
    }
}

impl Parse for PathBuf {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("is not a path".to_owned()) } else { Ok(Self::from(text)) }
    }
}

impl Parse for url::Url {
    fn parse(text: &str) -> Result<Self, String> {
        let url: Option<Self> = text.parse().ok();
        url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| "is not an address: write for example https://vault.example.com:8200".to_owned())
    }
}

/// Who keeps the master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeySource {
    Local,
    Vault,
}

impl Parse for KeySource {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "local" => Ok(Self::Local),
            "vault" => Ok(Self::Vault),
            _ => Err("is neither `local` nor `vault`".to_owned()),
        }
    }
}

/// Scheme and host, perhaps a port; no slash at the end.
#[derive(Debug, Clone)]
pub(crate) struct PublicUrl(pub(crate) String);

impl Parse for PublicUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let refused = || {
            "is not where browsers find this server: write for example https://deploy.example.com".to_owned()
        };
        let url: url::Url = text.parse().map_err(|_| refused())?;
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty();
        let host = url
            .host_str()
            .filter(|_| bare && matches!(url.scheme(), "http" | "https"))
            .ok_or_else(refused)?;
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        Ok(Self(format!("{}://{host}{port}", url.scheme())))
    }
}

impl Parse for SocketAddr {
    fn parse(text: &str) -> Result<Self, String> {
        let refused = "is not an address and port: write for example 127.0.0.1:8400, [::1]:8400 or :8400";
        match text.strip_prefix(':') {
            Some(port) => {
                port.parse().map(|port| Self::from(([0, 0, 0, 0], port))).map_err(|_| refused.to_owned())
            }
            None => text.parse().map_err(|_| refused.to_owned()),
        }
    }
}

impl Parse for bool {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "is neither `true` nor `false`".to_owned())
    }
}

impl Parse for u64 {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "is not a whole number".to_owned())
    }
}

impl Parse for NonZeroU32 {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "is not a number of at least 1".to_owned())
    }
}

impl Parse for LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "is not a format: use `human` or `json`".to_owned())
    }
}

/// Networks, separated by commas; a bare address is a network of one.
impl Parse for Vec<IpNet> {
    fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts
            .map(|part| {
                part.parse::<IpNet>().or_else(|_| part.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
                    format!("holds `{part}`, which is not a network: write for example 10.0.0.0/8")
                })
            })
            .collect()
    }
}

/// Servers, separated by commas; without a port it is that of DNS.
impl Parse for Vec<SocketAddr> {
    fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts
            .map(|part| {
                let whole =
                    part.parse().or_else(|_| part.parse::<IpAddr>().map(|ip| SocketAddr::from((ip, 53))));
                whole.map_err(|_| {
                    format!("holds `{part}`, which is not an address: write for example 192.0.2.53")
                })
            })
            .collect()
    }
}

/// A domain that hostnames are made below.
impl Parse for Hostname {
    fn parse(text: &str) -> Result<Self, String> {
        let name = text.trim_end_matches('.').to_ascii_lowercase();
        Self::parse(&name)
            .map_err(|_| "is not a domain: write for example apps.example.com or localhost".to_owned())
    }
}

impl Parse for Ipv4Net {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "is not an IPv4 network: write for example 10.211.0.0/16".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_browsers_find_the_server() {
        for (text, expected) in [
            ("https://Deploy.example.com/", Some("https://deploy.example.com")),
            ("http://10.0.0.5:8400", Some("http://10.0.0.5:8400")),
            ("https://deploy.example.com/pierhead", None),
            ("deploy.example.com", None),
            ("ftp://deploy.example.com", None),
            ("https://a@deploy.example.com", None),
        ] {
            assert_eq!(PublicUrl::parse(text).ok().map(|url| url.0).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn addresses_and_networks() {
        assert_eq!(SocketAddr::parse(":80").unwrap().to_string(), "0.0.0.0:80");
        assert_eq!(SocketAddr::parse("[::1]:80").unwrap().to_string(), "[::1]:80");
        assert!(SocketAddr::parse("80").is_err() && SocketAddr::parse("host:80").is_err());
        let networks = Vec::<IpNet>::parse("127.0.0.0/8, ::1,10.1.2.3").unwrap();
        assert_eq!(
            networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["127.0.0.0/8", "::1/128", "10.1.2.3/32"]
        );
        assert_eq!(Vec::<IpNet>::parse("").unwrap(), []);
        assert!(Vec::<IpNet>::parse("10.0.0.0/40").is_err());
        let servers = Vec::<SocketAddr>::parse("192.0.2.53, [::1]:5353,::1").unwrap();
        let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.53:53", "[::1]:5353", "[::1]:53"]);
        assert!(Vec::<SocketAddr>::parse("dns.example.com").is_err());
        let domain = <Hostname as Parse>::parse("Apps.Example.com.").unwrap();
        assert_eq!(domain.as_str(), "apps.example.com");
        assert!(<Hostname as Parse>::parse("a b").is_err());
    }
}
