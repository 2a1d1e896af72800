//! What is said of a deployment, in each service's words.

use pierhead_model::deployment::State;
use serde::{Deserialize, Serialize};

use super::Forge;

/// What is known of a deployment, also when it is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Context {
    pub(crate) deployment: String,
    pub(crate) project: String,
    pub(crate) slot: String,
    pub(crate) production: bool,
    /// The environment of the installation that it runs in, when it is not the only one.
    pub(crate) commit: String,
    pub(crate) number: u64,
    pub(crate) url: String,
    /// Where its log is.
    pub(crate) log_url: String,
    /// The pull request that it is a preview of.
    pub(crate) pull: Option<u64>,
    /// Nobody's fault: something newer took its place, or somebody cancelled it.
    #[serde(default)]
    pub(crate) called_off: bool,
    /// The first words of why it failed.
    #[serde(default)]
    pub(crate) failure: Option<String>,
}

/// GitHub takes 140 characters.
const LONGEST_DESCRIPTION: usize = 140;

impl Context {
    /// What statuses of commits are told apart by.
    pub(crate) fn name(&self) -> String {
        match self.production {
            true => format!("pierhead/{}", self.project),
            false => format!("pierhead/{} ({})", self.project, self.slot),
        }
    }

    /// What GitHub calls an environment.
    pub(crate) fn environment(&self) -> String {
        match self.production {
            true => format!("{} – production", self.project),
            false => format!("{} – {}", self.project, self.slot),
        }
    }

    pub(crate) fn description(&self, state: State) -> String {
        let number = self.number;
        let text = match state {
            State::Queued => format!("v{number} waits to be built"),
            State::Building => format!("v{number} is being built"),
            State::Provisioning => format!("v{number} is being started"),
            State::Production => format!("v{number} is live"),
            State::Inactive => format!("v{number} is not live any more"),
            State::Failed => {
                let why = self.failure.as_deref().unwrap_or("see its log");
                format!("v{number}: {why}")
            }
        };
        text.chars().take(LONGEST_DESCRIPTION).collect()
    }

    /// The state of a commit; `None` where it stays as it is.
    pub(crate) fn commit_state(&self, forge: Forge, state: State) -> Option<&'static str> {
        let gitlab = forge == Forge::Gitlab;
        Some(match state {
            State::Queued => "pending",
            State::Building | State::Provisioning if gitlab => "running",
            State::Building | State::Provisioning => "pending",
            State::Production => "success",
            State::Failed if gitlab && self.called_off => "canceled",
            State::Failed if gitlab => "failed",
            State::Failed if self.called_off => "error",
            State::Failed => "failure",
            // It was good, and its commit still is.
            State::Inactive => return None,
        })
    }

    /// The state of GitHub's deployments.
    pub(crate) fn deployment_state(&self, state: State) -> &'static str {
        match state {
            State::Queued => "queued",
            State::Building | State::Provisioning => "in_progress",
            State::Production => "success",
            State::Inactive => "inactive",
            State::Failed if self.called_off => "error",
            State::Failed => "failure",
        }
    }

    /// What a comment is known again by.
    pub(crate) fn marker(&self) -> String {
        format!("<!-- pierhead preview of {} -->", self.project)
    }

    /// The comment below a pull request.
    pub(crate) fn comment(&self, state: State, open: bool) -> String {
        let commit: String = self.commit.chars().take(12).collect();
        let what = match (state, open) {
            (State::Inactive, false) => "The preview is removed.".to_owned(),
            (State::Inactive, true) => "The preview is not live any more.".to_owned(),
            (State::Production, _) => format!("The preview is live: {}", self.url),
            (State::Queued, _) => "The preview waits to be built.".to_owned(),
            (State::Building | State::Provisioning, _) => "The preview is being built.".to_owned(),
            (State::Failed, _) if self.called_off => "The build of the preview was called off.".to_owned(),
            (State::Failed, _) => "The preview could not be built.".to_owned(),
        };
        let log = &self.log_url;
        format!(
            "{}\n**{}** · {what}\n\n{commit} · v{} · [log]({log})\n",
            self.marker(),
            self.project,
            self.number
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(production: bool) -> Context {
        Context {
            deployment: "3x9mq2p7ab".into(),
            project: "shop".into(),
            slot: if production { "production" } else { "pr-7" }.into(),
            production,
            commit: "0123456789abcdef0123456789abcdef01234567".into(),
            number: 12,
            url: "https://pr-7--shop.example.com".into(),
            log_url: "https://deploy.example.com/console/deployments/3x9mq2p7ab".into(),
            pull: (!production).then_some(7),
            called_off: false,
            failure: Some("x".repeat(500)),
        }
    }

    #[test]
    fn each_service_is_told_in_its_own_words() {
        let it = context(true);
        let called_off = Context { called_off: true, ..context(true) };
        for (state, context, github, gitlab, deployment) in [
            (State::Queued, &it, Some("pending"), Some("pending"), "queued"),
            (State::Building, &it, Some("pending"), Some("running"), "in_progress"),
            (State::Provisioning, &it, Some("pending"), Some("running"), "in_progress"),
            (State::Production, &it, Some("success"), Some("success"), "success"),
            (State::Inactive, &it, None, None, "inactive"),
            (State::Failed, &it, Some("failure"), Some("failed"), "failure"),
            (State::Failed, &called_off, Some("error"), Some("canceled"), "error"),
        ] {
            assert_eq!(context.commit_state(Forge::Github, state), github, "{state}");
            assert_eq!(context.commit_state(Forge::Gitea, state), github, "{state}");
            assert_eq!(context.commit_state(Forge::Gitlab, state), gitlab, "{state}");
            assert_eq!(context.deployment_state(state), deployment, "{state}");
            assert!(context.description(state).chars().count() <= 140, "{state}");
        }
        assert_eq!(
            (it.name().as_str(), context(false).name().as_str()),
            ("pierhead/shop", "pierhead/shop (pr-7)")
        );
    }

    #[test]
    fn a_comment_is_known_again_whatever_it_says() {
        let it = context(false);
        for state in [State::Queued, State::Building, State::Production, State::Inactive, State::Failed] {
            assert!(it.comment(state, true).starts_with(&it.marker()), "{state}");
        }
        assert!(it.comment(State::Production, true).contains("https://pr-7--shop.example.com"));
        assert!(it.comment(State::Inactive, false).contains("removed"));
    }
}
