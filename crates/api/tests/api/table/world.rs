//! Everybody who asks, and places to ask about.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::{Request, header};
use jiff::{SignedDuration, Timestamp};
use pierhead_model::access::{Role, Scopes};
use pierhead_model::certificate::{CertificateSource, Validity};
use pierhead_model::digest::Digest;
use pierhead_model::domain::{DomainState, Standing};
use pierhead_model::hostname::Hostname;
use pierhead_model::id::{
    DeploymentId, EnvironmentId, GrantId, IdentityId, IngressId, InvitationId, NodeId, ProjectId, SlotId,
    TeamId, TokenId, UserId,
};
use pierhead_model::limit::Limits;
use pierhead_model::name::{EnvironmentName, ProjectName, SlotName, TeamName};
use pierhead_model::project::ProjectSettings;
use pierhead_model::variable::{Exposure, VariableKey, VariableScope};
use pierhead_store::{
    CertificateHead, Dial, Domain, Environment, Grant, GrantOn, Identity, Ingress, InstanceRole, Invitation,
    NewDeployment, Node, NodeLink, Project, ProjectOwner, Session, Slot, StoredCertificate, StoredVariable,
    Team, Token, User,
};
use serde_json::{Value, json};

use super::Who;
use super::rows::Row;
use crate::platform::{Answer, EMAIL, PASSWORD, Platform};

pub(crate) struct World {
    pub(crate) platform: Platform,
    tokens: Vec<(Who, String)>,
    owner: UserId,
    teams: [TeamId; 3],
    count: AtomicU64,
}

/// A project with all it can have, of a team with all that it can have, and what else a path may name.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) project: String,
    pub(crate) deployment: String,
    pub(crate) grant: String,
    pub(crate) team: String,
    /// A developer of the team.
    pub(crate) member: String,
    /// To the outsider.
    pub(crate) invitation: String,
    /// Not open to everybody.
    pub(crate) environment: String,
    pub(crate) node: String,
    pub(crate) ingress: String,
    /// Of the owner.
    pub(crate) identity: String,
    pub(crate) session: String,
    pub(crate) token: String,
    /// A name that nothing has.
    pub(crate) fresh: String,
}

fn now() -> Timestamp {
    Timestamp::now()
}

const MEMBERS: [(Who, Role); 4] = [
    (Who::Viewer, Role::Viewer),
    (Who::Developer, Role::Developer),
    (Who::TeamAdmin, Role::Admin),
    (Who::Owner, Role::Owner),
];

fn address(who: Who) -> String {
    format!("{who:?}@example.com").to_lowercase()
}

impl World {
    pub(crate) async fn start() -> Self {
        let platform = Platform::start().await;
        let mut world = Self {
            platform,
            tokens: Vec::new(),
            owner: UserId::new(now(), 1),
            teams: [1, 2, 3].map(|number| TeamId::new(now(), number)),
            count: AtomicU64::new(100),
        };
        for who in [Who::Outsider, Who::Reader, Who::Writer, Who::FullAccess] {
            world.account(who).await;
        }
        for (who, _) in MEMBERS {
            let id = world.account(who).await;
            if who == Who::Owner {
                world.owner = id;
            }
        }
        let disabled = world.account(Who::Disabled).await;
        world.platform.store.user_change(&disabled, InstanceRole::User, Some(now())).await.unwrap();
        world.tokens.push((Who::Admin, world.platform.token.clone()));
        let read_only = world.platform.token_with(&["read"]).await;
        world.tokens.push((Who::AdminsReadOnlyToken, read_only));
        let hour = SignedDuration::from_hours(1);
        for (who, expires_at, revoked, scopes) in [
            (Who::Expired, now() - hour, false, r#"["read","write","delete"]"#),
            (Who::Revoked, now() + hour, true, r#"["read","write","delete"]"#),
            (Who::ReadOnlyToken, now() + hour, false, r#"["read"]"#),
        ] {
            let text = format!("phd_pat_{who:?}");
            let id = world.owners_token(&text, expires_at, scopes).await;
            if revoked {
                assert!(world.platform.store.token_revoke(&world.owner, &id, now()).await.unwrap());
            }
            world.tokens.push((who, text));
        }
        let granted = [("readers", Who::Reader), ("writers", Who::Writer), ("everything", Who::FullAccess)];
        for (id, (name, who)) in world.teams.iter().zip(granted) {
            world.team(id, name, &world.id(who).await).await;
        }
        world.team(&TeamId::new(now(), 4), "outsiders", &world.id(Who::Outsider).await).await;
        world
    }

    pub(crate) async fn stop(self) {
        self.platform.stop().await;
    }

    fn number(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) async fn id(&self, who: Who) -> UserId {
        self.platform.store.user_by_email(&address(who)).await.unwrap().unwrap().id
    }

    /// The token that somebody sends.
    pub(crate) fn token(&self, who: Who) -> &str {
        self.tokens.iter().find(|(it, _)| *it == who).map_or("", |(_, token)| token)
    }

    async fn account(&mut self, who: Who) -> UserId {
        let admin = self.platform.store.user_by_email(EMAIL).await.unwrap().unwrap();
        let id = UserId::new(now(), u128::from(self.number()));
        let user = User { id: id.clone(), email: address(who), role: InstanceRole::User, ..admin };
        self.platform.store.user_create(&user).await.unwrap();
        let token = self.sign_in(who).await;
        self.tokens.push((who, token));
        id
    }

    async fn sign_in(&self, who: Who) -> String {
        let email = if who == Who::Admin { EMAIL.to_owned() } else { address(who) };
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = self.platform.call_as("", "POST", "/auth/login", Some(body)).await;
        assert_eq!(answer.status, 200, "{who:?}: {}", answer.text);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    async fn owners_token(&self, text: &str, expires_at: Timestamp, scopes: &str) -> TokenId {
        let token = Token {
            id: TokenId::new(now(), u128::from(self.number())),
            user: self.owner.clone(),
            name: "test".to_owned(),
            hash: Digest::of(text.as_bytes()).to_hex(),
            scopes: scopes.to_owned(),
            created_at: now(),
            expires_at: Some(expires_at),
            last_used_at: None,
            revoked_at: None,
        };
        self.platform.store.token_create(&token).await.unwrap();
        token.id
    }

    async fn team(&self, id: &TeamId, name: &str, owner: &UserId) {
        let name = TeamName::parse(name).unwrap();
        let team = Team { id: id.clone(), name, created_by: "test".to_owned(), created_at: now() };
        self.platform.store.team_create(&team, owner).await.unwrap();
    }

    async fn grants(&self, on: &GrantOn) -> GrantId {
        let mut last = None;
        for (team, scopes) in self.teams.iter().zip([Scopes::READ, Scopes::WRITE, Scopes::ALL]) {
            let grant = Grant {
                id: GrantId::new(now(), u128::from(self.number())),
                team: team.clone(),
                on: on.clone(),
                scopes,
                created_by: "test".to_owned(),
                created_at: now(),
            };
            last = Some(self.platform.store.grant_put(&grant).await.unwrap().id);
        }
        last.unwrap()
    }

    /// A place that nobody has touched.
    pub(crate) async fn place(&self) -> Place {
        let store = &self.platform.store;
        let number = self.number();
        let random = u128::from(number);
        let team = TeamId::new(now(), random);
        let team_name = format!("team-{number}");
        self.team(&team, &team_name, &self.owner).await;
        for (who, role) in MEMBERS.into_iter().filter(|(who, _)| *who != Who::Owner) {
            store.member_put(&team, &self.id(who).await, role, now()).await.unwrap();
        }
        // Somebody to change and remove, so that nobody who asks is.
        let admin = store.user_by_email(EMAIL).await.unwrap().unwrap();
        let member = format!("member-{number}@example.com");
        let someone = UserId::new(now(), random);
        let user = User { id: someone.clone(), email: member.clone(), role: InstanceRole::User, ..admin };
        store.user_create(&user).await.unwrap();
        store.member_put(&team, &someone, Role::Viewer, now()).await.unwrap();
        let invitation = Invitation {
            id: InvitationId::new(now(), random),
            team: Some(team.clone()),
            email: address(Who::Outsider),
            role: Role::Viewer,
            token_hash: format!("hash-{number}"),
            invited_by: "test".to_owned(),
            created_at: now(),
            expires_at: now() + SignedDuration::from_hours(1),
            answer: None,
        };
        store.invitation_create(&invitation).await.unwrap();
        let (project, grant, deployment) = self.project(number, &team).await;
        let environment = EnvironmentName::parse(&format!("closed-{number}")).unwrap();
        let environment = Environment {
            id: EnvironmentId::new(now(), random),
            base_domain: Hostname::parse(&format!("closed-{number}.example.com")).unwrap(),
            name: environment,
            lifetime_s: None,
            open: false,
            created_at: now(),
        };
        store.environment_create(&environment).await.unwrap();
        self.grants(&GrantOn::Environment(environment.id.clone())).await;
        let node = Node {
            id: NodeId::new(now(), random),
            environment: environment.id,
            name: format!("node-{number}"),
            schedulable: true,
            draining: false,
            created_at: now(),
            link: NodeLink {
                dial: Dial::Agent,
                address: None,
                token_key: None,
                thumbprint: None,
                first_online_at: None,
            },
        };
        store.node_create(&node).await.unwrap();
        let ingress = Ingress {
            id: IngressId::new(now(), random),
            name: format!("ingress-{number}"),
            token_key: None,
            thumbprint: None,
            first_online_at: None,
            created_at: now(),
        };
        store.ingress_create(&ingress).await.unwrap();
        let session = Session {
            id: TokenId::new(now(), random),
            user: self.owner.clone(),
            token_hash: format!("session-{number}"),
            previous: None,
            expires_at: now() + SignedDuration::from_hours(1),
            revoked_at: None,
            ip: None,
            user_agent: None,
            created_at: now(),
        };
        store.session_create(&session).await.unwrap();
        let identity = Identity {
            id: IdentityId::new(now(), random),
            user: self.owner.clone(),
            provider: "github".to_owned(),
            issuer: "https://github.com".to_owned(),
            subject: number.to_string(),
            email: None,
            created_at: now(),
            last_used_at: now(),
        };
        store.identity_create(&identity).await.unwrap();
        let hour = now() + SignedDuration::from_hours(1);
        let token = self.owners_token(&format!("phd_pat_{number}"), hour, r#"["read"]"#).await;
        Place {
            project,
            deployment,
            grant,
            team: team_name,
            member,
            invitation: invitation.id.to_string(),
            environment: environment.name.to_string(),
            node: node.name,
            ingress: ingress.name,
            identity: identity.id.to_string(),
            session: session.id.to_string(),
            token: token.to_string(),
            fresh: format!("fresh-{number}"),
        }
    }

    /// With a slot, a variable, a pipeline, and a deployment that waits.
    async fn project(&self, number: u64, team: &TeamId) -> (String, String, String) {
        let store = &self.platform.store;
        let source = json!({ "source": { "repository": "https://example.com/shop", "root_directory": "." } });
        let settings: ProjectSettings = serde_json::from_value(source).unwrap();
        let project = Project {
            id: ProjectId::new(now(), u128::from(number)),
            name: ProjectName::parse(&format!("project-{number}")).unwrap(),
            settings,
            version: 1,
            variables_version: 1,
            owner: Some(ProjectOwner::Team(team.clone())),
            created_by: "test".to_owned(),
            created_at: now(),
            deleting_at: None,
        };
        store.project_create(&project).await.unwrap();
        let variable = StoredVariable {
            scope: VariableScope::Project,
            key: VariableKey::parse("KEY").unwrap(),
            value: "value".to_owned(),
            secret: false,
            exposure: Exposure::Runtime,
            updated_at: now(),
        };
        store.variables_replace(&project.id, &VariableScope::Project, &[variable], 1).await.unwrap();
        let local = store.environment_by_name(&EnvironmentName::local()).await.unwrap().unwrap();
        let slot = Slot {
            id: SlotId::new(now(), u128::from(number)),
            project: project.id.clone(),
            environment: local.id,
            name: SlotName::production(),
            lifetime_s: None,
            expires_at: None,
            created_at: now(),
            deleting_at: None,
        };
        store.slot_ensure(&slot).await.unwrap();
        let domain = Domain {
            host: Hostname::parse("shop.example.org").unwrap(),
            project: project.id.clone(),
            slot: SlotName::production(),
            proof: format!("{number:032x}"),
            standing: Standing { state: DomainState::Pending, tries: 0, lost_since: None },
            explanation: String::new(),
            checked_at: None,
            next_check_at: now(),
            verified_at: None,
            created_by: "test".to_owned(),
            created_at: now(),
        };
        store.domain_put(&domain).await.unwrap();
        let head = CertificateHead {
            id: format!("of-{}", project.name),
            project: Some(project.id.clone()),
            source: CertificateSource::Uploaded,
            names: vec!["shop.example.org".to_owned()],
            validity: Validity { not_before: now(), not_after: now() },
            created_by: "test".to_owned(),
            created_at: now(),
        };
        let certificate = StoredCertificate { head, chain: String::new(), key: String::new() };
        store.certificate_create(&certificate).await.unwrap();
        let deployment = NewDeployment {
            id: DeploymentId::from_random(number * 7919),
            project: project.id.clone(),
            slot: slot.id,
            limits: Limits::default(),
            trigger: "api".to_owned(),
            created_by: "test".to_owned(),
            work: "{}".to_owned(),
            audit: None,
            received_at: None,
            head: None,
        };
        store.deployment_create(&deployment, now()).await.unwrap();
        let grant = self.grants(&GrantOn::Project(project.id)).await;
        (project.name.to_string(), grant.to_string(), deployment.id.to_string())
    }

    /// Sends what a row says.
    pub(crate) async fn ask(
        &self,
        row: &Row,
        who: Who,
        (method, path, operation): &(String, String, Value),
        place: &Place,
    ) -> Answer {
        let token = match (row.operation, who) {
            // Signing out ends the session: another one than all others use.
            ("logout", Who::Outsider | Who::Reader | Who::Writer | Who::FullAccess | Who::Admin)
            | ("logout", Who::Viewer | Who::Developer | Who::TeamAdmin | Who::Owner) => {
                self.sign_in(who).await
            }
            _ => self.token(who).to_owned(),
        };
        let filled = path
            .replace("{project}", &place.project)
            .replace("{id}", &place.deployment)
            .replace("{slot}", "production")
            .replace("{key}", "KEY")
            .replace("{domain}", "shop.example.org")
            .replace("{certificate}", &format!("of-{}", place.project))
            .replace("{grant}", &place.grant)
            .replace("{team}", &place.team)
            .replace("{member}", &place.member)
            .replace("{user}", &place.member)
            .replace("{invitation}", &place.invitation)
            .replace("{environment}", &place.environment)
            .replace("{node}", &place.node)
            .replace("{ingress}", &place.ingress)
            .replace("{session}", &place.session)
            .replace("{identity}", &place.identity)
            .replace("{token}", &place.token)
            .replace("{version}", "0")
            .replace("{code}", "internal")
            .replace("{provider}", "github")
            .replace("{number}", "7")
            .replace("{installation}", "7")
            .replace(['{', '}'], "");
        let query = match row.operation {
            "pipeline_diff" => "?from=0&to=0",
            "visit" => "?host=x.test",
            _ => "",
        };
        let mut request = Request::builder().method(&**method).uri(format!("{filled}{query}"));
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match row.body {
            Some(body) => Some(("application/json".to_owned(), body(place))),
            None => example(operation),
        };
        let request = match body {
            Some((kind, body)) => {
                request.header(header::CONTENT_TYPE, kind).body(Body::from(body.to_string()))
            }
            None => request.body(Body::empty()),
        };
        let request = request.unwrap();
        if row.operation == "log_stream" {
            return self.platform.begun(request).await;
        }
        self.platform.send(request).await
    }
}

/// What the document shows as an example of a body.
fn example(operation: &Value) -> Option<(String, Value)> {
    let (kind, content) = operation["requestBody"]["content"].as_object()?.iter().next()?;
    let name = content["schema"]["$ref"].as_str()?.rsplit('/').next()?;
    let document = serde_json::to_value(pierhead_api::openapi()).unwrap();
    Some((kind.clone(), document["components"]["schemas"][name]["example"].clone()))
}
