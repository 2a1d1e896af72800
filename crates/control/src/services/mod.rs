//! What people and programs can ask for: one noun per file, each a small struct over what it needs.

pub(crate) mod accepting;
pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod catalogue;
pub(crate) mod certificates;
pub(crate) mod clones;
pub(crate) mod conditions;
pub(crate) mod deployments;
pub(crate) mod detection;
pub(crate) mod devices;
pub(crate) mod domains;
pub(crate) mod environments;
pub(crate) mod events;
pub(crate) mod exec;
pub(crate) mod figures;
pub(crate) mod github;
pub(crate) mod grants;
pub(crate) mod handed;
pub(crate) mod idempotency;
pub(crate) mod identities;
pub(crate) mod ingresses;
pub(crate) mod invitations;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod mailing;
pub(crate) mod moves;
pub(crate) mod notices;
pub(crate) mod page;
pub(crate) mod passwords;
pub(crate) mod pipelines;
pub(crate) mod projects;
pub(crate) mod pushes;
pub(crate) mod queue;
pub(crate) mod registries;
pub(crate) mod runs;
pub(crate) mod sign_in;
pub(crate) mod sign_up;
pub(crate) mod slots;
pub(crate) mod source_access;
pub(crate) mod source_check;
pub(crate) mod source_links;
pub(crate) mod sources;
pub(crate) mod teams;
pub(crate) mod variables;
pub(crate) mod verification;
pub(crate) mod visitors;

use std::sync::Arc;

use crate::core::Core;
use crate::ingresses::HostTraffic;
use crate::sign_in::web::Web;
use crate::sources::hooks::Hooks;

/// Everything that can be asked for.
#[derive(Debug)]
pub struct Services {
    pub auth: auth::Auth,
    pub accounts: accounts::Accounts,
    pub sign_in: sign_in::SignIn,
    pub identities: identities::Identities,
    pub devices: devices::Devices,
    pub sign_ups: sign_up::SignUps,
    pub resets: passwords::Resets,
    pub mailing: mailing::Mailing,
    pub keys: keys::Keys,
    pub teams: teams::Teams,
    pub invitations: invitations::Invitations,
    pub grants: grants::Grants,
    pub audit: audit::Audit,
    pub projects: projects::Projects,
    pub deployments: deployments::Deployments,
    pub slots: slots::Slots,
    pub sources: sources::Sources,
    pub github: github::Github,
    pub hooks: Hooks,
    pub notices: notices::Notices,
    pub pushes: pushes::Pushes,
    pub uploads: handed::Uploads,
    pub variables: variables::Variables,
    pub domains: domains::Domains,
    pub visitors: visitors::Visitors,
    pub certificates: certificates::Certificates,
    pub environments: environments::Environments,
    pub ingresses: ingresses::Ingresses,
    pub registries: registries::Registries,
    pub catalogue: catalogue::Catalogue,
    pub pipelines: pipelines::Pipelines,
    pub templates: pipelines::Templates,
    pub logs: logs::Logs,
    pub events: events::Events,
    pub exec: exec::Exec,
    pub figures: figures::FiguresOverTime,
    pub detection: detection::Detection,
    pub verification: verification::Verification,
    pub idempotency: idempotency::Idempotency,
    core: Arc<Core>,
}

/// Whether the parts answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    pub database: bool,
    pub ingress: bool,
}

impl Services {
    pub(crate) fn new(
        core: &Arc<Core>,
        auth: auth::Auth,
        web: Web,
        detector: Arc<dyn detection::Detector>,
        (repositories, host): (
            Arc<dyn crate::sources::Repositories>,
            Option<Arc<dyn crate::sources::Pushes>>,
        ),
    ) -> Self {
        Self {
            auth,
            accounts: accounts::Accounts(Arc::clone(core)),
            sign_in: sign_in::SignIn::new(Arc::clone(core), web),
            identities: identities::Identities(Arc::clone(core)),
            devices: devices::Devices::new(Arc::clone(core)),
            sign_ups: sign_up::SignUps::new(Arc::clone(core)),
            resets: passwords::Resets::new(Arc::clone(core)),
            mailing: mailing::Mailing(Arc::clone(core)),
            keys: keys::Keys(Arc::clone(core)),
            teams: teams::Teams(Arc::clone(core)),
            invitations: invitations::Invitations(Arc::clone(core)),
            grants: grants::Grants(Arc::clone(core)),
            audit: audit::Audit(Arc::clone(core)),
            projects: projects::Projects(Arc::clone(core)),
            deployments: deployments::Deployments(Arc::clone(core)),
            slots: slots::Slots(Arc::clone(core)),
            github: github::Github::new(Arc::clone(core)),
            sources: sources::Sources { core: Arc::clone(core), repositories },
            hooks: Hooks(Arc::clone(core)),
            notices: notices::Notices(Arc::clone(core)),
            pushes: pushes::Pushes { core: Arc::clone(core), host },
            uploads: handed::Uploads(Arc::clone(core)),
            variables: variables::Variables(Arc::clone(core)),
            domains: domains::Domains(Arc::clone(core)),
            visitors: visitors::Visitors(Arc::clone(core)),
            certificates: certificates::Certificates(Arc::clone(core)),
            environments: environments::Environments(Arc::clone(core)),
            ingresses: ingresses::Ingresses(Arc::clone(core)),
            registries: registries::Registries(Arc::clone(core)),
            catalogue: catalogue::Catalogue(Arc::clone(core)),
            pipelines: pipelines::Pipelines(Arc::clone(core)),
            templates: pipelines::Templates(Arc::clone(core)),
            logs: logs::Logs(Arc::clone(core)),
            events: events::Events(Arc::clone(core)),
            exec: exec::Exec(Arc::clone(core)),
            figures: figures::FiguresOverTime(Arc::clone(core)),
            detection: detection::Detection(detector),
            verification: verification::Verification(Arc::clone(core)),
            idempotency: idempotency::Idempotency(Arc::clone(core)),
            core: Arc::clone(core),
        }
    }

    /// What visitors were answered, by hostname. For administrators.
    pub fn traffic(&self, principal: &auth::Principal) -> Vec<HostTraffic> {
        if principal.is_admin() { self.core.ingresses.traffic() } else { Vec::new() }
    }

    pub async fn health(&self) -> Health {
        Health { database: self.core.store.is_ready().await, ingress: self.core.ingresses.connected() > 0 }
    }
}
