//! The file of accounts elsewhere that people may sign in with (docs/sign-in.md).
//!
//! ```toml
//! [[provider]]
//! name = "google"
//! preset = "google"
//! client_id = "…"
//! client_secret_file = "/etc/pierhead/google.secret"
//! ```

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pierhead_control::{ProviderKind, ProviderOptions};
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::environment::Environment;

/// Largest file that is read, in bytes.
const MAXIMUM_BYTES: u64 = 1 << 20;
const GITHUB: &str = "https://github.com";
const GOOGLE: &str = "https://accounts.google.com";

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProvidersError {
    #[error("{} cannot be read: check that it exists and that you may read it", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the providers in {} cannot be used: {message}", path.display())]
    NotToml { path: PathBuf, message: String },
    #[error("the provider `{name}` cannot be used: {problem}")]
    Unfit { name: String, problem: String },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    provider: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    label: Option<String>,
    #[serde(default)]
    preset: Preset,
    /// Of an OpenID Connect provider.
    issuer: Option<String>,
    /// Of a GitHub Enterprise Server.
    url: Option<Url>,
    client_id: String,
    client_secret_file: Option<PathBuf>,
    client_secret_variable: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Preset {
    /// OpenID Connect, from its issuer.
    #[default]
    Oidc,
    Google,
    GitHub,
}

pub(crate) fn load(path: &Path, environment: &Environment) -> Result<Vec<ProviderOptions>, ProvidersError> {
    let text = read(path).map_err(|source| ProvidersError::Unreadable { path: path.to_owned(), source })?;
    let file: File = toml::from_str(&text).map_err(|error| ProvidersError::NotToml {
        path: path.to_owned(),
        message: error.to_string().trim_end().to_owned(),
    })?;
    let mut names = BTreeSet::new();
    let mut found = Vec::new();
    for entry in file.provider {
        let name = entry.name.clone();
        if !names.insert(name.clone()) {
            return Err(ProvidersError::Unfit {
                name,
                problem: "there is another one of this name".to_owned(),
            });
        }
        found.push(
            options(entry, path, environment).map_err(|problem| ProvidersError::Unfit { name, problem })?,
        );
    }
    Ok(found)
}

fn options(entry: Entry, file: &Path, environment: &Environment) -> Result<ProviderOptions, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if entry.name.is_empty() || entry.name.len() > 40 || !entry.name.bytes().all(plain) {
        return Err("its name must have 1 to 40 of the characters a-z, 0-9 and `-`".to_owned());
    }
    if entry.client_id.trim().is_empty() {
        return Err("its `client_id` is empty".to_owned());
    }
    let (kind, label) = match (entry.preset, entry.issuer, entry.url) {
        (Preset::Oidc, Some(issuer), None) => {
            (ProviderKind::OpenId { issuer: checked(issuer)? }, &*entry.name)
        }
        (Preset::Oidc, None, _) => return Err("it needs an `issuer`, or a `preset`".to_owned()),
        (Preset::Google, None, None) => (ProviderKind::OpenId { issuer: GOOGLE.to_owned() }, "Google"),
        (Preset::GitHub, None, url) => {
            let url =
                url.map_or_else(|| GITHUB.to_owned(), |url| url.as_str().trim_end_matches('/').to_owned());
            let url = checked(url)?;
            let api =
                if url == GITHUB { "https://api.github.com".to_owned() } else { format!("{url}/api/v3") };
            let parse = |text: &str| text.parse::<Url>().map_err(|_| "its `url` is not a URL".to_owned());
            (ProviderKind::GitHub { url: parse(&url)?, api: parse(&api)? }, "GitHub")
        }
        (Preset::Oidc | Preset::Google, _, Some(_)) => return Err("only GitHub has a `url`".to_owned()),
        (Preset::Google | Preset::GitHub, Some(_), _) => return Err("a preset has no `issuer`".to_owned()),
    };
    let client_secret = match (entry.client_secret_file, entry.client_secret_variable) {
        (Some(secret), None) => {
            // Beside the file that names it, unless it says otherwise.
            let path = file.parent().unwrap_or(Path::new("")).join(secret);
            let text = read(&path);
            text.map_err(|error| {
                format!("the file of its secret, {}, cannot be read: {error}", path.display())
            })?
        }
        (None, Some(variable)) => environment
            .get(&variable)
            .map(ToOwned::to_owned)
            .ok_or_else(|| format!("the variable of its secret, {variable}, is not set"))?,
        _ => return Err("it needs `client_secret_file` or `client_secret_variable`, one of them".to_owned()),
    };
    let client_secret = client_secret.trim_end_matches(['\n', '\r']);
    if client_secret.is_empty() {
        return Err("its secret is empty".to_owned());
    }
    let label = entry.label.as_deref().unwrap_or(label).to_owned();
    let client_secret = SecretString::from(client_secret.to_owned());
    Ok(ProviderOptions { name: entry.name, label, kind, client_id: entry.client_id, client_secret })
}

/// Without encryption only on this machine and on addresses that say so: secrets travel there.
fn checked(text: String) -> Result<String, String> {
    let url: Url = text.parse().map_err(|_| format!("`{text}` is not a URL"))?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    match url.scheme() {
        _ if !plain || url.fragment().is_some() => Err(format!("`{text}` has more than a host and a path")),
        "https" => Ok(text),
        "http" if matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) => Ok(text),
        _ => Err(format!("`{text}` must begin with https://")),
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    fs_err::File::open(path)?.take(MAXIMUM_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn of(text: &str) -> Result<Vec<ProviderOptions>, String> {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("secret"), "s3cret\n").unwrap();
        let path = folder.path().join("providers.toml");
        fs_err::write(&path, text).unwrap();
        let environment = Environment::from_pairs(&[("GITHUB_SECRET", "gh")]);
        load(&path, &environment).map_err(|error| error.to_string())
    }

    #[test]
    fn presets_need_little_and_secrets_come_from_elsewhere() {
        let found = of("[[provider]]\nname = \"google\"\npreset = \"google\"\nclient_id = \"a\"\nclient_secret_file = \"secret\"\n\
             [[provider]]\nname = \"github\"\npreset = \"github\"\nclient_id = \"b\"\nclient_secret_variable = \"GITHUB_SECRET\"\n\
             [[provider]]\nname = \"ghe\"\nlabel = \"Our GitHub\"\npreset = \"github\"\nurl = \"https://ghe.example.com/\"\nclient_id = \"c\"\nclient_secret_file = \"secret\"\n\
             [[provider]]\nname = \"company\"\nissuer = \"https://id.example.com/realms/a\"\nclient_id = \"d\"\nclient_secret_file = \"secret\"\n")
        .unwrap();
        let labels: Vec<&str> = found.iter().map(|it| &*it.label).collect();
        assert_eq!(labels, ["Google", "GitHub", "Our GitHub", "company"]);
        assert_eq!(found[0].kind, ProviderKind::OpenId { issuer: GOOGLE.to_owned() });
        assert_eq!(
            (found[0].client_secret.expose_secret(), found[1].client_secret.expose_secret()),
            ("s3cret", "gh")
        );
        let apis: Vec<&str> = found[1..3]
            .iter()
            .map(|it| match &it.kind {
                ProviderKind::GitHub { api, .. } => api.as_str(),
                ProviderKind::OpenId { .. } => "",
            })
            .collect();
        assert_eq!(apis, ["https://api.github.com/", "https://ghe.example.com/api/v3"]);
        assert!(of("").unwrap().is_empty());
    }

    #[test]
    fn mistakes_name_the_provider() {
        let secret = "client_id = \"a\"\nclient_secret_file = \"secret\"\n";
        for (text, told) in [
            ("name = \"A b\"\nissuer = \"https://x.com\"\n", "its name must have"),
            ("name = \"a\"\n", "it needs an `issuer`"),
            ("name = \"a\"\nissuer = \"http://id.example.com\"\n", "must begin with https://"),
            ("name = \"a\"\nissuer = \"https://u:p@id.example.com\"\n", "more than a host and a path"),
            ("name = \"a\"\npreset = \"google\"\nissuer = \"https://x.com\"\n", "a preset has no `issuer`"),
            ("name = \"a\"\nissuer = \"https://x.com\"\nclient_secret_variable = \"X\"\n", "one of them"),
            ("name = \"a\"\nissuer = \"https://x.com\"\nsecret = \"X\"\n", "unknown field"),
        ] {
            let message = of(&format!("[[provider]]\n{text}{secret}")).unwrap_err();
            assert!(message.contains(told), "{text}: {message}");
        }
        let twice = format!("[[provider]]\nname = \"a\"\nissuer = \"https://x.com\"\n{secret}").repeat(2);
        assert!(of(&twice).unwrap_err().contains("another one of this name"));
        let unset = "[[provider]]\nname = \"a\"\npreset = \"google\"\nclient_id = \"a\"\nclient_secret_variable = \"NOPE\"\n";
        assert!(of(unset).unwrap_err().contains("NOPE, is not set"));
    }
}
