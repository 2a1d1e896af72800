//! Every way in which a registry can disappoint, as a sentence that says what happened and what to do.
//!
//! No variant holds a source, a header or a body: what is shown was chosen here, so a credential cannot be in it. Errors can
//! be cloned, because one failed question may have been asked by several people.

use std::net::IpAddr;
use std::time::Duration;

use crate::reference::{ImageDigest, Repository, Selector};

/// Why a registry's answer could not be had. `registry` is the host that was asked, as a person would write it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    #[error("the host `{host}` does not resolve: check the registry's address, and the DNS of this machine")]
    Unresolved { host: String },
    #[error(
        "`{host}` leads to {address}, which Pierhead must not reach: an admin can allow its range with \
         PIERHEAD_ALLOW_ADDRESSES"
    )]
    AddressRefused { host: String, address: IpAddr },
    #[error(
        "`{registry}` cannot be reached ({why}): check that it runs, its address and port, and firewalls between"
    )]
    Unreachable { registry: String, why: String },
    #[error("`{registry}` did not answer within {seconds} s: try again, or check the network between")]
    Timeout { registry: String, seconds: u64 },
    #[error(
        "no trusted connection to `{registry}` ({why}): renew its certificate, add its authority to the CA bundle, or mark \
         the registry as plain HTTP if it is"
    )]
    Tls { registry: String, why: String },
    #[error(
        "`{registry}` refuses the credentials: check user name and password (or token), and whether they expired"
    )]
    CredentialsRefused { registry: String },
    #[error("`{registry}` asks for credentials: add a user name and a password (or token) to this registry")]
    CredentialsMissing { registry: String },
    #[error(
        "`{registry}` does not let these credentials see `{repository}`: it may not exist, or the account lacks the right \
         to pull it"
    )]
    Forbidden { registry: String, repository: Repository },
    #[error(
        "there is no repository `{repository}` at `{registry}` for us to see: check its name, or add credentials if it is private"
    )]
    RepositoryNotFound { registry: String, repository: Repository },
    #[error("`{repository}` at `{registry}` has no `{selector}`: choose another tag, or push it first")]
    ManifestNotFound { registry: String, repository: Repository, selector: Selector },
    #[error("`{repository}:{selector}` is not made for {wanted}: it offers {offered}")]
    PlatformMissing { repository: Repository, selector: Selector, wanted: String, offered: String },
    #[error("`{registry}` limits how often it may be asked; {}: try then, or add credentials for a higher limit", shown_wait(*.retry_after))]
    RateLimited { registry: String, retry_after: Option<Duration> },
    #[error(
        "`{registry}` wants the credentials sent to `{realm}`, which is another host: allow it as this registry's token \
         server if you trust it"
    )]
    TokenServerElsewhere { registry: String, realm: String },
    #[error(
        "`{registry}` redirects to where Pierhead does not follow ({why}): use the registry's final address"
    )]
    RedirectRefused { registry: String, why: String },
    #[error("what answers at `{registry}` is not an OCI registry ({why}): check the address and port")]
    NotARegistry { registry: String, why: String },
    #[error(
        "`{registry}` answers with more than {limit} bytes of {what}: that is not believable, so it was not read on"
    )]
    TooLarge { registry: String, what: &'static str, limit: usize },
    #[error("`{registry}` answers {status}: it has a problem of its own, try again later")]
    ServerFault { registry: String, status: u16 },
    #[error(
        "`{registry}` handed over content that is not what `{digest}` stands for: do not use this image, ask who runs it"
    )]
    DigestMismatch { registry: String, digest: ImageDigest },
    #[error("the connection to registries cannot be set up ({why}): check the CA bundle")]
    Setup { why: String },
}

impl RegistryError {
    /// A stable name for APIs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unresolved { .. } => "unresolved",
            Self::AddressRefused { .. } => "address_refused",
            Self::Unreachable { .. } => "unreachable",
            Self::Timeout { .. } => "timeout",
            Self::Tls { .. } => "tls",
            Self::CredentialsRefused { .. } => "credentials_refused",
            Self::CredentialsMissing { .. } => "credentials_missing",
            Self::Forbidden { .. } => "forbidden",
            Self::RepositoryNotFound { .. } => "repository_not_found",
            Self::ManifestNotFound { .. } => "manifest_not_found",
            Self::PlatformMissing { .. } => "platform_missing",
            Self::RateLimited { .. } => "rate_limited",
            Self::TokenServerElsewhere { .. } => "token_server_elsewhere",
            Self::RedirectRefused { .. } => "redirect_refused",
            Self::NotARegistry { .. } => "not_a_registry",
            Self::TooLarge { .. } => "too_large",
            Self::ServerFault { .. } => "server_fault",
            Self::DigestMismatch { .. } => "digest_mismatch",
            Self::Setup { .. } => "setup",
        }
    }

    /// Whether the same question may be answered a little later, without anybody changing anything. Only then is an older
    /// answer worth showing.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Unresolved { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::RateLimited { .. }
            | Self::ServerFault { .. }
            | Self::Tls { .. } => true,
            Self::AddressRefused { .. }
            | Self::CredentialsRefused { .. }
            | Self::CredentialsMissing { .. }
            | Self::Forbidden { .. }
            | Self::RepositoryNotFound { .. }
            | Self::ManifestNotFound { .. }
            | Self::PlatformMissing { .. }
            | Self::TokenServerElsewhere { .. }
            | Self::RedirectRefused { .. }
            | Self::NotARegistry { .. }
            | Self::TooLarge { .. }
            | Self::DigestMismatch { .. }
            | Self::Setup { .. } => false,
        }
    }
}

fn shown_wait(retry_after: Option<Duration>) -> String {
    match retry_after.map(|wait| wait.as_secs().max(1)) {
        None => "it does not say until when".to_owned(),
        Some(seconds @ 0..=119) => format!("it answers again in {seconds} s"),
        Some(seconds) => format!("it answers again in {} min", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_says_when_to_come_back() {
        let shown = |retry_after| {
            RegistryError::RateLimited { registry: "docker.io".to_owned(), retry_after }.to_string()
        };
        assert!(shown(Some(Duration::from_millis(3))).contains("again in 1 s"));
        assert!(shown(Some(Duration::from_secs(119))).contains("again in 119 s"));
        assert!(shown(Some(Duration::from_secs(3601))).contains("again in 61 min"));
        assert!(shown(None).contains("does not say until when"));
    }
}
