//! Services that have people's repositories (GitHub, GitLab, Gitea, Forgejo), and what Pierhead says to them.
//!
//! Who may let Pierhead in is who may write there: a person's own account at GitHub proves it, or the token that they give. What
//! was let in is one repository for one project; given to another team, or built from another repository, the project is let in
//! no longer.
//!
//! - [`app`]: the GitHub App of this installation, and how it proves that it is.
//! - [`account`]: a person's account at GitHub.
//! - [`call`]: one question, one answer; how long a service wants to be left alone.
//! - [`link`]: the way to the service of a project's repository, and whether it may be used.
//! - [`tokens`]: tokens of an installation, each for one repository and one purpose.
//! - [`hook`]: webhooks that are made there.
//! - [`tell`], [`words`]: what is said there of a deployment.

pub(crate) mod account;
pub(crate) mod app;
pub(crate) mod call;
pub(crate) mod hook;
pub(crate) mod link;
pub(crate) mod tell;
pub(crate) mod tokens;
pub(crate) mod words;

/// Which service, and how Pierhead comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Forge {
    /// As the installation of an app.
    GithubApp,
    /// With a token, as the next ones.
    Github,
    Gitlab,
    /// Forgejo too.
    #[strum(serialize = "gitea", serialize = "forgejo")]
    Gitea,
}

impl Forge {
    /// What people call it.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::GithubApp | Self::Github => "GitHub",
            Self::Gitlab => "GitLab",
            Self::Gitea => "Gitea",
        }
    }
}
