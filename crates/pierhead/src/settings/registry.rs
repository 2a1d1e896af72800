//! The one list of settings.

/// One setting: everything that is said about it anywhere.
#[derive(Debug)]
pub(crate) struct Key {
    /// In `pierhead.toml`; a dot is a table.
    pub(crate) name: &'static str,
    pub(crate) variable: &'static str,
    /// Without the dashes.
    pub(crate) flag: &'static str,
    /// What stands for the value in help.
    pub(crate) value: &'static str,
    pub(crate) kind: Kind,
    pub(crate) default: Default,
    /// What it does, one sentence or two.
    pub(crate) help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    /// Several, separated by commas; in the file an array.
    List,
    /// Its flag names a file that holds the value, because flags are visible to other users of the machine.
    Secret,
    /// Only in debug builds.
    Debug,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Default {
    Value(&'static str),
    /// `$XDG_DATA_HOME/pierhead`, or `/var/lib/pierhead` without a home.
    DataDirectory,
    /// Something below the data directory: scheme and path.
    InDataDirectory(&'static str, &'static str),
    /// Described, because it is not a value.
    None(&'static str),
}

macro_rules! keys {
    ($($constant:ident = $name:literal, $variable:literal, $flag:literal, $value:literal, $kind:ident, $default:expr, $help:literal;)*) => {
        $(pub(crate) const $constant: Key = Key {
            name: $name, variable: $variable, flag: $flag, value: $value, kind: Kind::$kind, default: $default, help: $help,
        };)*
        /// Every setting, in the order of help and documentation.
        pub(crate) const KEYS: &[&Key] = &[$(&$constant),*];
    };
}

keys! {
    DATA_DIR = "data_dir", "PIERHEAD_DATA_DIR", "data-dir", "DIR", Plain, Default::DataDirectory,
        "Where everything that must survive is kept: database, releases, logs, keys";
    LISTEN = "listen", "PIERHEAD_LISTEN", "listen", "ADDRESS", Plain, Default::Value("127.0.0.1:8400"),
        "Address of the API and the console";
    PUBLIC_URL = "public_url", "PIERHEAD_PUBLIC_URL", "public-url", "URL", Plain,
        Default::None("`http://` and the address of the API"),
        "Where browsers find the console, when something stands in front of it: links in letters, and where sign-ins elsewhere lead back";
    INGRESS_LISTEN = "ingress_listen", "PIERHEAD_INGRESS_LISTEN", "ingress-listen", "ADDRESS", Plain, Default::Value("127.0.0.1:8480"),
        "Address at which deployments are visited";
    INGRESS = "ingress", "PIERHEAD_INGRESS", "ingress", "BOOL", Plain, Default::Value("true"),
        "Whether the server is an ingress too; otherwise run `pierhead ingress` beside it";
    INGRESS_TLS_LISTEN = "ingress_tls_listen", "PIERHEAD_INGRESS_TLS_LISTEN", "ingress-tls-listen", "ADDRESS", Plain,
        Default::None("no TLS: something before this server speaks it"),
        "Address at which deployments are visited by TLS (HTTP/1.1 and HTTP/2)";
    ACCESS_LOG = "access_log", "PIERHEAD_ACCESS_LOG", "access-log", "FILE", Plain, Default::None("none is kept"),
        "File to which the ingress appends one JSON line per request";
    TRUSTED_PROXIES = "trusted_proxies", "PIERHEAD_TRUSTED_PROXIES", "trusted-proxies", "CIDR,…", List, Default::Value(""),
        "Proxies before this server whose X-Forwarded-For and X-Forwarded-Proto are believed";
    CERTIFICATES = "certificates", "PIERHEAD_CERTIFICATES", "certificates", "DIR", Plain,
        Default::None("no certificates"),
        "Folder of certificates: `NAME.pem` with the chain and `NAME.key` beside it; changes are noticed";
    DNS_RESOLVERS = "dns_resolvers", "PIERHEAD_DNS_RESOLVERS", "dns-resolvers", "ADDRESS,…", List, Default::Value(""),
        "Resolvers that are asked about custom domains, in place of this machine's";
    ACME_DIRECTORY = "acme.directory", "PIERHEAD_ACME_DIRECTORY", "acme-directory", "URL", Plain,
        Default::None("certificates are only uploaded"),
        "Where certificates are ordered: `letsencrypt`, `letsencrypt-staging` or a directory's URL; setting it agrees to its terms";
    ACME_EMAIL = "acme.email", "PIERHEAD_ACME_EMAIL", "acme-email", "EMAIL", Plain, Default::None("nobody"),
        "Whom the certificate authority writes to";
    ACME_CA_BUNDLE = "acme.ca_bundle", "PIERHEAD_ACME_CA_BUNDLE", "acme-ca-bundle", "FILE", Plain,
        Default::None("the system's authorities"),
        "Certificates to trust beside the system's when asking the authority, for one of your own";
    CLOUDFLARE_TOKEN = "cloudflare.token", "PIERHEAD_CLOUDFLARE_TOKEN", "cloudflare-token-file", "FILE", Secret,
        Default::None("no wildcard is ordered"),
        "API token that may edit the base domain's zone: orders a wildcard certificate for it";
    CLOUDFLARE_API_URL = "cloudflare.api_url", "PIERHEAD_CLOUDFLARE_API_URL", "cloudflare-api-url", "URL", Plain,
        Default::Value("https://api.cloudflare.com/client/v4"),
        "Where Cloudflare is asked";
    CLOUDFLARE_PURGE = "cloudflare.purge", "PIERHEAD_CLOUDFLARE_PURGE", "cloudflare-purge", "BOOL", Plain, Default::Value("false"),
        "Whether Cloudflare's caches keep sites and are told what is not shown any more; the token must be allowed to purge";
    BASE_DOMAIN = "base_domain", "PIERHEAD_BASE_DOMAIN", "base-domain", "DOMAIN", Plain, Default::Value("localhost"),
        "Deployments get hostnames below this domain";
    MASTER_KEY = "master_key", "PIERHEAD_MASTER_KEY", "master-key-file", "FILE", Secret,
        Default::None("`master.key` in the data directory, made on the first start with mode 0600"),
        "Encrypts every stored secret: 32 bytes in base64";
    MASTER_KEY_PREVIOUS = "master_key_previous", "PIERHEAD_MASTER_KEY_PREVIOUS", "master-key-previous-file", "FILE", Secret,
        Default::None("`master.key.previous` in the data directory, when there is one"),
        "The master key before, to exchange it: given once beside the new one, then never again";
    MASTER_KEY_SOURCE = "master_key_source", "PIERHEAD_MASTER_KEY_SOURCE", "master-key-source", "local|vault", Plain,
        Default::None("`vault` when `vault.address` is set"),
        "Where the master key is. `local` beside `vault.address` takes it back from Vault";
    VAULT_ADDRESS = "vault.address", "PIERHEAD_VAULT_ADDRESS", "vault-address", "URL", Plain,
        Default::None("the master key is kept here"),
        "Vault whose transit engine keeps the master key; what was sealed with one that was kept here is carried over";
    VAULT_TOKEN = "vault.token", "PIERHEAD_VAULT_TOKEN", "vault-token-file", "FILE", Secret,
        Default::None("needed with `vault.address`"),
        "Token that may update `encrypt`, `decrypt` and `rewrap` of that key; its file is read each time";
    VAULT_MOUNT = "vault.mount", "PIERHEAD_VAULT_MOUNT", "vault-mount", "PATH", Plain, Default::Value("transit"),
        "Where the transit engine is mounted";
    VAULT_KEY = "vault.key", "PIERHEAD_VAULT_KEY", "vault-key", "NAME", Plain, Default::Value("pierhead"),
        "Name of the key there";
    VAULT_CA_BUNDLE = "vault.ca_bundle", "PIERHEAD_VAULT_CA_BUNDLE", "vault-ca-bundle", "FILE", Plain,
        Default::None("the system's authorities"),
        "Certificates to trust beside the system's when asking Vault";
    ADMIN_EMAIL = "admin_email", "PIERHEAD_ADMIN_EMAIL", "admin-email", "EMAIL", Plain,
        Default::None("a one-time set-up link is printed"),
        "Makes the first admin when the database is empty";
    ADMIN_PASSWORD = "admin_password", "PIERHEAD_ADMIN_PASSWORD", "admin-password-file", "FILE", Secret,
        Default::None("a one-time set-up link is printed"),
        "Password of the first admin";
    SIGN_IN_PROVIDERS = "sign_in_providers", "PIERHEAD_SIGN_IN_PROVIDERS", "sign-in-providers", "FILE", Plain,
        Default::None("people sign in with their password only"),
        "Accounts elsewhere that people may sign in with: a TOML file";
    MAIL_SERVER = "mail.server", "PIERHEAD_MAIL_SERVER", "mail-server", "URL", Plain,
        Default::None("no letters are sent: links are shown to who makes them"),
        "Takes letters: `smtps://user@host`, or `smtp://host:587` for STARTTLS (`?tls=none` without encryption)";
    MAIL_PASSWORD = "mail.password", "PIERHEAD_MAIL_PASSWORD", "mail-password-file", "FILE", Secret,
        Default::None("none"),
        "Password of the user in `mail.server`";
    MAIL_FROM = "mail.from", "PIERHEAD_MAIL_FROM", "mail-from", "ADDRESS", Plain,
        Default::None("needed with `mail.server`"),
        "Where letters come from: `Pierhead <pierhead@example.com>`";
    DATABASE_URL = "database_url", "PIERHEAD_DATABASE_URL", "database-url", "URL", Plain, Default::InDataDirectory("sqlite", "pierhead.db"),
        "The database: `sqlite://…` or `postgres://…`";
    EVENTS_URL = "events_url", "PIERHEAD_EVENTS_URL", "events-url", "URL", Plain, Default::Value("embedded"),
        "Carries events to their consumers: `embedded` in this version";
    BLOBS_URL = "blobs_url", "PIERHEAD_BLOBS_URL", "blobs-url", "URL", Plain, Default::InDataDirectory("file", "blobs"),
        "Keeps releases and logs: in the data directory in this version";
    ALLOW_ADDRESSES = "allow_addresses", "PIERHEAD_ALLOW_ADDRESSES", "allow-addresses", "CIDR,…", List, Default::Value(""),
        "Loopback and private ranges that clones, registries, webhooks and health checks may reach";
    WEBHOOK_SECRET = "webhook_secret", "PIERHEAD_WEBHOOK_SECRET", "webhook-secret-file", "FILE", Secret,
        Default::None("each project has a secret of its own"),
        "What webhooks for the whole installation are signed with";
    BUILD_CA_BUNDLE = "build.ca_bundle", "PIERHEAD_BUILD_CA_BUNDLE", "build-ca-bundle", "FILE", Plain,
        Default::Value("/etc/ssl/certs/ca-certificates.crt"),
        "Certificate authorities that builds trust, for networks with an intercepting proxy";
    BUILD_CONCURRENCY = "build.concurrency", "PIERHEAD_BUILD_CONCURRENCY", "build-concurrency", "NUMBER", Plain, Default::Value("2"),
        "How many builds run at once on this node";
    BUILD_LIMIT = "build.limit", "PIERHEAD_BUILD_LIMIT", "build-limit", "NUMBER", Plain,
        Default::None("as many as the nodes take"),
        "How many builds run at once over all nodes; those that come later wait for their turn, project by project";
    ENGINE_SOCKET = "engine_socket", "PIERHEAD_ENGINE_SOCKET", "engine-socket", "PATH", Plain,
        Default::Value("/var/run/docker.sock"),
        "Where the container engine listens";
    DISK_RESERVE_MB = "disk_reserve_mb", "PIERHEAD_DISK_RESERVE_MB", "disk-reserve-mb", "MIB", Plain, Default::Value("1024"),
        "No build starts, and a running one ends, below this much free disk";
    FIREWALL = "firewall", "PIERHEAD_FIREWALL", "firewall", "BOOL", Plain, Default::Value("true"),
        "Keeps containers from this machine and from private networks, with iptables";
    SUBNET_POOL = "subnet_pool", "PIERHEAD_SUBNET_POOL", "subnet-pool", "CIDR", Plain, Default::Value("10.211.0.0/16"),
        "Range from which each deployment gets a small network of its own";
    AGENT_TOKEN = "agent_token", "PIERHEAD_AGENT_TOKEN", "agent-token-file", "FILE", Secret,
        Default::None("`pierhead agent` cannot start without it"),
        "What an agent proves to its control plane: shown when a node is added";
    AGENT_LISTEN = "agent_listen", "PIERHEAD_AGENT_LISTEN", "agent-listen", "ADDRESS", Plain,
        Default::None("nobody can call"),
        "Where a control plane is called by ingresses on other machines, and by agents that dial out";
    CONTROL_ADDRESS = "control_address", "PIERHEAD_CONTROL_ADDRESS", "control-address", "HOST:PORT", Plain,
        Default::None("an agent listens and is dialled, an ingress has its control plane beside it"),
        "The control plane's `agent_listen`, for an agent that dials out and an ingress on another machine";
    INGRESS_TOKEN = "ingress_token", "PIERHEAD_INGRESS_TOKEN", "ingress-token-file", "FILE", Secret,
        Default::None("needed with `control_address` by `pierhead ingress`"),
        "What an ingress on another machine proves to its control plane: shown when it is added";
    INGRESS_CACHE_MB = "ingress_cache_mb", "PIERHEAD_INGRESS_CACHE_MB", "ingress-cache-mb", "MIB", Plain, Default::Value("4096"),
        "How much disk an ingress on another machine may take for the files of sites";
    LOG_FORMAT = "log.format", "PIERHEAD_LOG_FORMAT", "log-format", "FORMAT", Plain, Default::Value("human"),
        "How the server writes its own log: `human` or `json`";
    LOG_LEVEL = "log.level", "PIERHEAD_LOG_LEVEL", "log-level", "LEVEL", Plain, Default::Value("info"),
        "Level of the server's own log, or directives such as `info,pierhead_control=debug`";
    CRASH_AT = "crash_at", "PIERHEAD_CRASH_AT", "crash-at", "POINT", Debug, Default::None("never"),
        "Dies at a named point, to test recovery (debug builds only)";
}

impl Key {
    /// Whether this build knows it at all.
    pub(crate) fn exists(&self) -> bool {
        self.kind != Kind::Debug || cfg!(debug_assertions)
    }

    /// The default in words, for help and documentation.
    pub(crate) fn default_text(&self) -> String {
        match self.default {
            Default::Value("") => "none".to_owned(),
            Default::Value(value) => value.to_owned(),
            Default::DataDirectory => "$XDG_DATA_HOME/pierhead".to_owned(),
            Default::InDataDirectory(scheme, path) => format!("{scheme}://<data_dir>/{path}"),
            Default::None(text) => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_one_rule() {
        for key in KEYS {
            let words = key.name.replace('.', "_");
            assert_eq!(key.variable, format!("PIERHEAD_{}", words.to_uppercase()));
            let suffix = if key.kind == Kind::Secret { "-file" } else { "" };
            assert_eq!(key.flag, format!("{}{suffix}", words.replace('_', "-")));
        }
        assert_eq!(KEYS.iter().map(|key| key.name).collect::<BTreeSet<_>>().len(), KEYS.len());
    }

    /// The page of the documentation is this table; the snapshot is what a reviewer reads.
    #[test]
    fn as_documentation() {
        let mut page = String::from("| key | variable | flag | default | |\n|---|---|---|---|---|\n");
        for key in KEYS {
            page.push_str(&format!(
                "| `{}` | `{}` | `--{} {}` | {} | {} |\n",
                key.name,
                key.variable,
                key.flag,
                key.value,
                key.default_text(),
                key.help
            ));
        }
        insta::assert_snapshot!(page);
    }
}
