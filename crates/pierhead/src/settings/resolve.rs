//! From the four places to one value with its origin.

use std::fmt;
use std::path::{Path, PathBuf};

use super::mail::MailServer;
use super::parse::{KeySource, Parse, PublicUrl};
use super::providers::{self, ProvidersError};
use super::registry::{self, Default, KEYS, Key, Kind};
use super::{Acme, CloudflareSettings, Flags, MasterKeySettings, Settings, Vault};
use lettre::message::Mailbox;
use secrecy::SecretString;

use crate::environment::Environment;

/// A value and who decided it.
#[derive(Debug, Clone)]
pub(crate) struct Resolved<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag(&'static str),
    Variable(&'static str),
    File(PathBuf),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "--{flag}"),
            Self::Variable(variable) => write!(f, "the variable {variable}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => write!(f, "the default"),
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("the settings file {} cannot be read: check that it exists and that you may read it", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the settings file {} is not valid TOML: {message}", path.display())]
    NotToml { path: PathBuf, message: String },
    #[error("{} has the unknown key `{key}`{}", path.display(), suggestion.as_ref().map(|s| format!(", did you mean `{s}`?")).unwrap_or_default())]
    UnknownKey { path: PathBuf, key: String, suggestion: Option<&'static str> },
    #[error("{} sets `{key}` to something that is neither text, a number nor a list of texts", path.display())]
    WrongType { path: PathBuf, key: &'static str },
    #[error("`{key}` from {origin}: `{text}` {problem}")]
    Invalid { key: &'static str, origin: Origin, text: String, problem: String },
    #[error("`vault.address` is set: give a token for it with `vault.token` too")]
    HalfAVault,
    #[error("`mail.server` is set: say where letters come from with `mail.from` too")]
    HalfTheMail,
    #[error(transparent)]
    Providers(#[from] ProvidersError),
    #[error("the first admin needs an email and a password: set {missing} too")]
    HalfAnAdmin { missing: &'static str },
    #[error("`{key}`: the file {} from {origin} cannot be read: it should hold the value and nothing else", path.display())]
    SecretUnreadable { key: &'static str, origin: Origin, path: PathBuf, source: std::io::Error },
}

/// Largest settings or secret file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The settings file: the one that was named, or the first of the usual places that exists. Never one of the current folder,
/// which may be a repository of somebody else.
pub(crate) fn config_file(flag: Option<&Path>, environment: &Environment) -> Option<PathBuf> {
    let named = flag.map(Path::to_path_buf).or_else(|| environment.get("PIERHEAD_CONFIG").map(PathBuf::from));
    let usual = || {
        let mine = environment.xdg("XDG_CONFIG_HOME", ".config").map(|folder| folder.join("pierhead.toml"));
        let places = mine.into_iter().chain([PathBuf::from("/etc/pierhead/pierhead.toml")]);
        places.into_iter().find(|path| path.is_file())
    };
    named.or_else(usual)
}

/// Reads the file, if there is one, and resolves every setting.
pub(crate) fn load(
    flags: &Flags,
    environment: &Environment,
    file: Option<&Path>,
) -> Result<Settings, SettingsError> {
    let file = match file {
        Some(path) => {
            let text = read_bounded(path)
                .map_err(|source| SettingsError::Unreadable { path: path.to_path_buf(), source })?;
            Some(ConfigFile::parse(path, &text)?)
        }
        None => None,
    };
    Sources { flags, environment, file }.settings()
}

/// A parsed `pierhead.toml`.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    values: std::collections::BTreeMap<&'static str, String>,
}

impl ConfigFile {
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let not_toml = |error: toml::de::Error| SettingsError::NotToml {
            path: path.to_path_buf(),
            message: error.to_string().trim_end().to_owned(),
        };
        let table: toml::Table = text.parse().map_err(not_toml)?;
        let mut file = Self { path: path.to_path_buf(), values: std::collections::BTreeMap::new() };
        file.take("", &table)?;
        Ok(file)
    }

    fn take(&mut self, prefix: &str, table: &toml::Table) -> Result<(), SettingsError> {
        for (name, value) in table {
            let name = format!("{prefix}{name}");
            let key = KEYS.iter().find(|key| key.name == name && key.exists());
            match (key, value) {
                (Some(key), value) => {
                    let wrong = || SettingsError::WrongType { path: self.path.clone(), key: key.name };
                    let text = text_of(value, key.kind).ok_or_else(wrong)?;
                    self.values.insert(key.name, text);
                }
                (None, toml::Value::Table(inner))
                    if KEYS.iter().any(|key| key.name.starts_with(&format!("{name}."))) =>
                {
                    self.take(&format!("{name}."), inner)?;
                }
                (None, _) => {
                    let near =
                        KEYS.iter().map(|key| (strsim::damerau_levenshtein(key.name, &name), key.name));
                    let suggestion = near.min().filter(|(distance, _)| *distance <= 3).map(|(_, name)| name);
                    return Err(SettingsError::UnknownKey { path: self.path.clone(), key: name, suggestion });
                }
            }
        }
        Ok(())
    }
}

fn text_of(value: &toml::Value, kind: Kind) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Array(entries) if kind == Kind::List => {
            let texts: Option<Vec<&str>> = entries.iter().map(toml::Value::as_str).collect();
            Some(texts?.join(","))
        }
        toml::Value::Array(_) | toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => {
            None
        }
    }
}

/// The four places.
#[derive(Debug)]
pub(crate) struct Sources<'s> {
    pub(crate) flags: &'s Flags,
    pub(crate) environment: &'s Environment,
    pub(crate) file: Option<ConfigFile>,
}

impl Sources<'_> {
    pub(crate) fn settings(&self) -> Result<Settings, SettingsError> {
        let mut data_dir = self.required::<PathBuf>(&registry::DATA_DIR, Path::new(""))?;
        let absolute = std::path::absolute(&data_dir.value).map_err(|_| SettingsError::Invalid {
            key: registry::DATA_DIR.name,
            origin: data_dir.origin.clone(),
            text: data_dir.value.display().to_string(),
            problem: "cannot be made absolute: the current folder is gone".to_owned(),
        })?;
        data_dir.value = absolute;
        let below = data_dir.value.clone();
        // What later versions will know is refused rather than ignored.
        self.only_default(&registry::EVENTS_URL, &below)?;
        self.only_default(&registry::BLOBS_URL, &below)?;
        let admin_email = self.optional::<String>(&registry::ADMIN_EMAIL)?;
        let admin_password = self.optional::<SecretString>(&registry::ADMIN_PASSWORD)?;
        let admin = match (admin_email, admin_password) {
            (Some(email), Some(password)) => Some((email.value, password.value)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(SettingsError::HalfAnAdmin { missing: registry::ADMIN_PASSWORD.variable });
            }
            (None, Some(_)) => {
                return Err(SettingsError::HalfAnAdmin { missing: registry::ADMIN_EMAIL.variable });
            }
        };
        let mail_server = self.optional::<MailServer>(&registry::MAIL_SERVER)?;
        let mail_from = self.optional::<Mailbox>(&registry::MAIL_FROM)?;
        let mail = match (mail_server, mail_from) {
            (Some(server), Some(from)) => Some((server.value, from.value)),
            (Some(_), None) => return Err(SettingsError::HalfTheMail),
            (None, _) => None,
        };
        Ok(Settings {
            data_dir,
            listen: self.required(&registry::LISTEN, &below)?,
            ingress_listen: self.required(&registry::INGRESS_LISTEN, &below)?,
            base_domain: self.required(&registry::BASE_DOMAIN, &below)?,
            master_key: MasterKeySettings {
                key: self.optional(&registry::MASTER_KEY)?.map(|key| key.value),
                file: self.secret_file(&registry::MASTER_KEY),
                previous: self.optional(&registry::MASTER_KEY_PREVIOUS)?.map(|key| key.value),
                vault: self.vault(&below)?,
            },
            admin,
            database_url: self.required(&registry::DATABASE_URL, &below)?.value,
            public_url: self.optional::<PublicUrl>(&registry::PUBLIC_URL)?.map(|url| url.value.0),
            mail,
            mail_password: self.optional(&registry::MAIL_PASSWORD)?.map(|password| password.value),
            providers: match self.optional::<PathBuf>(&registry::SIGN_IN_PROVIDERS)? {
                Some(file) => providers::load(&file.value, self.environment)?,
                None => Vec::new(),
            },
            allow_addresses: self.required(&registry::ALLOW_ADDRESSES, &below)?.value,
            build_ca_bundle: self.required(&registry::BUILD_CA_BUNDLE, &below)?.value,
            build_concurrency: self.required(&registry::BUILD_CONCURRENCY, &below)?.value,
            build_limit: self.optional(&registry::BUILD_LIMIT)?.map(|limit| limit.value),
            firewall: self.required(&registry::FIREWALL, &below)?.value,
            engine_socket: self.required(&registry::ENGINE_SOCKET, &below)?.value,
            disk_reserve_mb: self.required(&registry::DISK_RESERVE_MB, &below)?.value,
            webhook_secret: self.optional(&registry::WEBHOOK_SECRET)?.map(|secret| secret.value),
            agent_token: self.optional(&registry::AGENT_TOKEN)?.map(|token| token.value),
            ingress_token: self.optional(&registry::INGRESS_TOKEN)?.map(|token| token.value),
            ingress_cache_mb: self.required(&registry::INGRESS_CACHE_MB, &below)?.value,
            ingress: self.required(&registry::INGRESS, &below)?.value,
            ingress_tls_listen: self.optional(&registry::INGRESS_TLS_LISTEN)?.map(|address| address.value),
            access_log: self.optional(&registry::ACCESS_LOG)?.map(|file| file.value),
            trusted_proxies: self.required(&registry::TRUSTED_PROXIES, &below)?.value,
            certificates: self.optional(&registry::CERTIFICATES)?.map(|folder| folder.value),
            acme: self.acme()?,
            cloudflare: self.cloudflare(&below)?,
            dns_resolvers: self.required(&registry::DNS_RESOLVERS, &below)?.value,
            agent_listen: self.optional(&registry::AGENT_LISTEN)?.map(|address| address.value),
            control_address: self.optional(&registry::CONTROL_ADDRESS)?.map(|address| address.value),
            proxy_variables: self.environment.proxies(),
            subnet_pool: self.required(&registry::SUBNET_POOL, &below)?.value,
            log_format: self.required(&registry::LOG_FORMAT, &below)?.value,
            log_level: self.required(&registry::LOG_LEVEL, &below)?,
            crash_at: self.optional(&registry::CRASH_AT)?.map(|point| point.value),
        })
    }

    fn vault(&self, below: &Path) -> Result<Option<Vault>, SettingsError> {
        let Some(address) = self.optional::<url::Url>(&registry::VAULT_ADDRESS)? else { return Ok(None) };
        let token = self.optional(&registry::VAULT_TOKEN)?.ok_or(SettingsError::HalfAVault)?;
        let source = self.optional::<KeySource>(&registry::MASTER_KEY_SOURCE)?.map(|source| source.value);
        Ok(Some(Vault {
            address: address.value,
            mount: self.required(&registry::VAULT_MOUNT, below)?.value,
            key: self.required(&registry::VAULT_KEY, below)?.value,
            token: token.value,
            token_file: self.secret_file(&registry::VAULT_TOKEN),
            ca_bundle: self.optional(&registry::VAULT_CA_BUNDLE)?.map(|bundle| bundle.value),
            keeps_the_key: source.unwrap_or(KeySource::Vault) == KeySource::Vault,
        }))
    }

    /// The file that a secret's flag names.
    fn secret_file(&self, key: &Key) -> Option<PathBuf> {
        self.flags.0.get(key.name).map(PathBuf::from)
    }

    fn acme(&self) -> Result<Option<Acme>, SettingsError> {
        let Some(directory) = self.optional::<String>(&registry::ACME_DIRECTORY)? else { return Ok(None) };
        let directory = match directory.value.as_str() {
            "letsencrypt" => "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
            "letsencrypt-staging" => "https://acme-staging-v02.api.letsencrypt.org/directory".to_owned(),
            url if url.starts_with("https://") || url.starts_with("http://") => url.to_owned(),
            _ => {
                let (key, origin, text) = (registry::ACME_DIRECTORY.name, directory.origin, directory.value);
                let problem = "is neither `letsencrypt`, `letsencrypt-staging` nor an address".to_owned();
                return Err(SettingsError::Invalid { key, origin, text, problem });
            }
        };
        Ok(Some(Acme {
            directory,
            email: self.optional(&registry::ACME_EMAIL)?.map(|email| email.value),
            ca_bundle: self.optional(&registry::ACME_CA_BUNDLE)?.map(|bundle| bundle.value),
        }))
    }

    fn cloudflare(&self, below: &Path) -> Result<Option<CloudflareSettings>, SettingsError> {
        let token = self.optional::<SecretString>(&registry::CLOUDFLARE_TOKEN)?;
        let address = self.required::<String>(&registry::CLOUDFLARE_API_URL, below)?;
        let purge = self.required::<bool>(&registry::CLOUDFLARE_PURGE, below)?.value;
        let api_url = address.value;
        Ok(token.map(|token| CloudflareSettings { token: token.value, api_url, purge }))
    }

    fn only_default(&self, key: &'static Key, data_dir: &Path) -> Result<(), SettingsError> {
        let default = self.default_of(key, data_dir);
        match self.find(key)? {
            Some((text, origin)) if text != default => {
                let problem = format!("is not supported by this version: leave it at `{default}`");
                Err(SettingsError::Invalid { key: key.name, origin, text, problem })
            }
            _ => Ok(()),
        }
    }

    fn required<T: Parse>(&self, key: &'static Key, data_dir: &Path) -> Result<Resolved<T>, SettingsError> {
        let (text, origin) = match self.find(key)? {
            Some(found) => found,
            None => (self.default_of(key, data_dir), Origin::Default),
        };
        parsed(key, &text, origin)
    }

    fn optional<T: Parse>(&self, key: &'static Key) -> Result<Option<Resolved<T>>, SettingsError> {
        if !key.exists() {
            return Ok(None);
        }
        self.find(key)?.map(|(text, origin)| parsed(key, &text, origin)).transpose()
    }

    /// The text and who gave it: the order of precedence is this function.
    fn find(&self, key: &'static Key) -> Result<Option<(String, Origin)>, SettingsError> {
        if let Some(text) = self.flags.0.get(key.name) {
            let origin = Origin::Flag(key.flag);
            if key.kind != Kind::Secret {
                return Ok(Some((text.clone(), origin)));
            }
            let path = PathBuf::from(text);
            return match read_bounded(&path) {
                Ok(secret) => Ok(Some((secret.trim_end_matches(['\n', '\r']).to_owned(), origin))),
                Err(source) => Err(SettingsError::SecretUnreadable { key: key.name, origin, path, source }),
            };
        }
        if let Some(text) = self.environment.get(key.variable) {
            return Ok(Some((text.to_owned(), Origin::Variable(key.variable))));
        }
        let from_file = self
            .file
            .as_ref()
            .and_then(|file| Some((file.values.get(key.name)?.clone(), Origin::File(file.path.clone()))));
        Ok(from_file)
    }

    fn default_of(&self, key: &Key, data_dir: &Path) -> String {
        match key.default {
            Default::Value(value) => value.to_owned(),
            Default::DataDirectory => {
                let home = self.environment.xdg("XDG_DATA_HOME", ".local/share");
                home.unwrap_or_else(|| PathBuf::from("/var/lib/pierhead")).to_string_lossy().into_owned()
            }
            Default::InDataDirectory(scheme, path) => format!("{scheme}://{}", data_dir.join(path).display()),
            Default::None(_) => String::new(),
        }
    }
}

fn parsed<T: Parse>(key: &'static Key, text: &str, origin: Origin) -> Result<Resolved<T>, SettingsError> {
    match T::parse(text) {
        Ok(value) => Ok(Resolved { value, origin }),
        Err(problem) => {
            let text = if key.kind == Kind::Secret { "its value".to_owned() } else { text.to_owned() };
            Err(SettingsError::Invalid { key: key.name, origin, text, problem })
        }
    }
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    fs_err::File::open(path)?.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn resolve(
        flags: &[(&'static str, &str)],
        variables: &[(&str, &str)],
        file: &str,
    ) -> Result<Settings, SettingsError> {
        let flags = Flags(flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect());
        let environment = Environment::from_pairs(variables);
        let file = ConfigFile::parse(Path::new("/etc/pierhead.toml"), file)?;
        Sources { flags: &flags, environment: &environment, file: Some(file) }.settings()
    }

    #[test]
    fn flag_beats_variable_beats_file_beats_default() {
        let file = "listen = \"127.0.0.1:3\"";
        let variable = ("PIERHEAD_LISTEN", "127.0.0.1:2");
        for (flags, variables, file, port, origin) in [
            (&[("listen", "127.0.0.1:1")][..], &[variable][..], file, 1, Origin::Flag("listen")),
            (&[], &[variable], file, 2, Origin::Variable("PIERHEAD_LISTEN")),
            (&[], &[], file, 3, Origin::File("/etc/pierhead.toml".into())),
            (&[], &[("PIERHEAD_LISTEN", "")], "", 8400, Origin::Default),
        ] {
            let settings = resolve(flags, variables, file).unwrap();
            assert_eq!((settings.listen.value.port(), settings.listen.origin), (port, origin));
        }
    }

    #[test]
    fn defaults_follow_the_data_directory() {
        let settings = resolve(&[("data_dir", "/srv/ph")], &[], "").unwrap();
        assert_eq!(settings.database_url.expose_secret(), "sqlite:///srv/ph/pierhead.db");
        let settings = resolve(&[], &[("HOME", "/home/ada")], "").unwrap();
        assert_eq!(settings.data_dir.value, Path::new("/home/ada/.local/share/pierhead"));
    }

    #[test]
    fn the_file_has_tables_and_lists() {
        let file = "allow_addresses = [\"127.0.0.0/8\", \"10.0.0.0/8\"]\n[build]\nconcurrency = 4\nlimit = 7\n[log]\nformat = \"json\"";
        let settings = resolve(&[], &[], file).unwrap();
        assert_eq!(settings.allow_addresses.len(), 2);
        assert_eq!(
            (settings.build_concurrency.get(), settings.build_limit.map(std::num::NonZero::get)),
            (4, Some(7))
        );
        assert_eq!(settings.log_format, super::super::LogFormat::Json);
    }

    #[test]
    fn mistakes_name_the_place() {
        let message = |file| resolve(&[], &[], file).unwrap_err().to_string();
        assert_eq!(
            message("listn = 1"),
            "/etc/pierhead.toml has the unknown key `listn`, did you mean `listen`?"
        );
        assert_eq!(
            message("listen = \"nowhere\""),
            "`listen` from /etc/pierhead.toml: `nowhere` is not an address and port: write for example 127.0.0.1:8400, [::1]:8400 or :8400"
        );
        assert!(message("listen = [1]").contains("sets `listen`"));
        assert!(message("[build]\nspeed = 1").contains("unknown key `build.speed`"));
        assert!(message("events_url = \"redis://x\"").contains("leave it at `embedded`"));
        assert!(message("admin_email = \"a@b\"").contains("PIERHEAD_ADMIN_PASSWORD"));
        assert!(message("[acme]\ndirectory = \"somewhere\"").contains("letsencrypt-staging"));
        assert!(message("= 1").contains("not valid TOML"));
    }

    #[test]
    fn a_secret_is_read_from_the_file_of_its_flag_and_never_printed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs_err::write(&path, "hunter2\n").unwrap();
        let flags = [("admin_password", path.to_str().unwrap()), ("admin_email", "ada@example.com")];
        let settings = resolve(&flags, &[("PIERHEAD_MASTER_KEY", "s3cr3t")], "").unwrap();
        assert_eq!(settings.admin.as_ref().unwrap().1.expose_secret(), "hunter2");
        let printed = format!("{settings:?}");
        assert!(!printed.contains("hunter2") && !printed.contains("s3cr3t"), "{printed}");
    }
}
