//! What a person asks of a project's source: look now, does the provider reach us, a new secret.

use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::name::SlotName;
use pierhead_model::pull::{Approval, PullRequest};
use pierhead_model::source::GitReference;
use pierhead_store::{Ask, Asked, Delivery, Followed, Project, Visibility};

use super::auth::Principal;
use super::source_access::{self, AccessView};
use super::source_links::{self, LinkView};
use crate::access::policy::{self, READ_PROJECT, WRITE_DEPLOYMENT, WRITE_PROJECT};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::sources::Repositories;
use crate::sources::following::{self, Target};
use crate::sources::hooks;

/// Deliveries that are shown.
const SHOWN: u64 = 20;

#[derive(Debug)]
pub struct Sources {
    pub(crate) core: Arc<Core>,
    pub(crate) repositories: Arc<dyn Repositories>,
}

/// A branch that is followed, and what the last look came to.
#[derive(Debug, Clone)]
pub struct FollowedView {
    pub reference: String,
    pub slot: SlotName,
    pub commit: Option<String>,
    pub looked_at: Option<Timestamp>,
    pub next_look_at: Timestamp,
    pub outcome: Option<String>,
    pub problem: Option<String>,
    pub pull: Option<PullRequest>,
}

/// How a project learns of pushes.
#[derive(Debug, Clone)]
pub struct SourceView {
    pub followed: Vec<FollowedView>,
    /// Since when its webhooks have the secret they have.
    pub secret_since: Option<Timestamp>,
    /// Whether webhooks that are signed with the installation's secret are taken.
    pub installation_secret: bool,
    /// The newest first.
    pub deliveries: Vec<Delivery>,
    /// Whether pushes arrive, in one sentence.
    pub verdict: String,
    pub access: AccessView,
    /// How it is connected with the service that has the repository.
    pub link: Option<LinkView>,
}

impl Sources {
    pub async fn get(&self, principal: &Principal, project: &str) -> Result<SourceView, Error> {
        let project = policy::project(&self.core, principal, project, READ_PROJECT).await?;
        self.view(&project).await
    }

    /// Looks at every branch that the project follows, now.
    pub async fn sync(&self, principal: &Principal, project: &str) -> Result<SourceView, Error> {
        let project = policy::project(&self.core, principal, project, WRITE_DEPLOYMENT).await?;
        let now = self.core.outside.now();
        let mut targets: Vec<Target> = following::main_branch(&project.settings).into_iter().collect();
        for followed in self.core.store.followed_of(&project.id).await.stored()? {
            let known = targets.iter().any(|target| target.reference == followed.reference);
            if !known && following::is_followed(&project.settings, &followed.reference) {
                targets.push(Target { reference: followed.reference, slot: followed.slot });
            }
        }
        if targets.is_empty() {
            let detail = "This project follows no branch: give it a repository, or turn `triggers.push` on.";
            return Err(Error::Conflict { detail: detail.to_owned() });
        }
        let asked = Asked {
            trigger: "sync".to_owned(),
            by: Some(principal.email.clone()),
            at: now,
            commit: None,
            message: None,
        };
        let ask = |Target { reference, slot }| Ask {
            project: project.id.clone(),
            reference,
            slot,
            asked: asked.clone(),
            pull: None,
        };
        let asks: Vec<Ask> = targets.into_iter().map(ask).collect();
        self.core.store.followed_ask(&asks).await.stored()?;
        self.core.signals.sources.raise();
        self.view(&project).await
    }

    /// Lets a commit of a pull request from a fork be built; with `secrets`, also with the project's secrets.
    pub async fn approve(
        &self,
        principal: &Principal,
        project: &str,
        number: u64,
        (commit, secrets): (&str, bool),
    ) -> Result<SourceView, Error> {
        let needed = if secrets { WRITE_PROJECT } else { WRITE_DEPLOYMENT };
        let project = policy::project(&self.core, principal, project, needed).await?;
        let followed = self.core.store.followed_of(&project.id).await.stored()?;
        let found =
            followed.into_iter().find(|it| it.pull.as_ref().is_some_and(|pull| pull.number == number));
        let found = found.ok_or_else(|| Error::not_found("pull request", number))?;
        let reference = GitReference::parse(commit).ok().filter(GitReference::is_commit);
        let Some(commit) = reference else {
            return Err(Error::invalid("/commit", "must be the whole hash of the commit that you looked at"));
        };
        let asked = Asked {
            trigger: "push".to_owned(),
            by: Some(principal.email.clone()),
            at: self.core.outside.now(),
            commit: None,
            message: None,
        };
        let Followed { reference, slot, .. } = found;
        let ask = Ask { project: project.id.clone(), reference, slot, asked, pull: None };
        let approval = Approval { commit: commit.as_str().to_owned(), by: principal.email.clone(), secrets };
        let told = serde_json::json!({ "pull_request": number, "commit": commit, "secrets": secrets });
        let unit = self.core.store.begin().await.stored()?;
        unit.followed_approve(&ask, approval).await.asked_for("pull request", &number)?;
        principal
            .does_to(&self.core, "project.approve_pull_request", &project)
            .after(told)
            .commit(unit)
            .await?;
        self.core.signals.sources.raise();
        self.view(&project).await
    }

    /// Gives the project's webhooks a new secret, and tells it this one time.
    pub async fn renew_secret(&self, principal: &Principal, project: &str) -> Result<String, Error> {
        use base64::Engine as _;

        let project = policy::project(&self.core, principal, project, WRITE_PROJECT).await?;
        let mut bytes = [0; 32];
        self.core.outside.fill(&mut bytes);
        // The form of the Standard Webhooks; every provider takes it as plain text.
        let secret = format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(bytes));
        let place = hooks::secret_place(&project);
        let sealed = self.core.key.seal(&place, &secret, &*self.core.outside).map_err(Error::internal)?;
        let unit = self.core.store.begin().await.stored()?;
        unit.hook_secret_put(&project.id, &sealed, self.core.outside.now()).await.stored()?;
        principal.does_to(&self.core, "project.webhook_secret", &project).commit(unit).await?;
        Ok(secret)
    }

    pub(super) async fn view(&self, project: &Project) -> Result<SourceView, Error> {
        let store = &self.core.store;
        let secret_since = store.hook_secret_get(&project.id).await.stored()?.map(|(_, since)| since);
        let followed = store.followed_of(&project.id).await.stored()?;
        let mut deliveries = store.deliveries_of(Some(&project.id), None, SHOWN).await.stored()?;
        if let Some(source) = &project.settings.source {
            let place = source.repository.place();
            deliveries.extend(store.deliveries_of(None, Some(&place), SHOWN).await.stored()?);
        }
        deliveries.sort_by_key(|delivery| std::cmp::Reverse(delivery.received_at));
        let installation_secret = self.core.webhook_secret.is_some();
        let verdict = verdict(secret_since.is_some() || installation_secret, &deliveries, &followed);
        let followed = followed.into_iter().map(into_view).collect();
        let access = source_access::view(project, store.source_access(&project.id).await.stored()?);
        let told = store.feedback_of(&project.id, SHOWN).await.stored()?;
        let link = store.source_link(&project.id).await.stored()?;
        let link = link.map(|link| source_links::view(project, link, &told));
        Ok(SourceView { followed, secret_since, installation_secret, deliveries, verdict, access, link })
    }
}

/// Begins to follow a project's branch, so that pushes are found even if no webhook ever comes.
pub(crate) async fn follow(core: &Core, project: &Project) -> Result<(), Error> {
    let Some(Target { reference, slot }) = following::main_branch(&project.settings) else { return Ok(()) };
    core.store.followed_ensure(&project.id, &reference, &slot, core.outside.now()).await.stored()?;
    core.signals.sources.raise();
    Ok(())
}

/// The same for all projects, after a start: those of an earlier version are followed by nobody yet.
pub(crate) async fn follow_all(core: &Core) -> Result<(), Error> {
    let mut after: Option<String> = None;
    loop {
        let page = core.store.project_list(after.as_deref(), None, 500, &Visibility::All).await.stored()?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.name.to_string());
        for project in page.iter().filter(|project| project.deleting_at.is_none()) {
            follow(core, project).await?;
        }
    }
}

fn verdict(has_secret: bool, deliveries: &[Delivery], followed: &[Followed]) -> String {
    if let Some(problem) = followed.iter().find_map(|followed| followed.problem.as_deref()) {
        return format!("The repository cannot be looked at: {problem}");
    }
    match deliveries.first() {
        Some(newest) => format!("Webhooks arrive: the newest was a `{}` at {}.", newest.event, newest.received_at),
        None if followed.is_empty() => "Nothing is followed: pushes deploy nothing.".to_owned(),
        None if has_secret => {
            "No webhook has arrived yet: add its address and secret at your provider. Until then pushes are found within ten \
             minutes."
                .to_owned()
        }
        None => {
            "Webhooks have no secret yet: make one, and give it to your provider. Until then pushes are found within ten minutes."
                .to_owned()
        }
    }
}

fn into_view(followed: Followed) -> FollowedView {
    FollowedView {
        reference: followed.reference,
        slot: followed.slot,
        commit: followed.accepted.or(followed.baseline),
        looked_at: followed.looked_at,
        next_look_at: followed.look_at,
        outcome: followed.outcome,
        problem: followed.problem,
        pull: followed.pull,
    }
}
