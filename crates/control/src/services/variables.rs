//! Variables of a project, of its environments and slots. A secret's value goes in and never comes out again.

mod at;

use std::collections::BTreeMap;
use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::id::EnvironmentId;
use pierhead_model::name::{EnvironmentName, SlotName};
use pierhead_model::variable::{
    Exposure, SlotPattern, Variable, VariableKey, VariableScope, check_value, in_force,
};
use pierhead_store::{Environment, Project, StoredVariable};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

pub use at::{VariablesAt, VariablesShown};

use super::auth::Principal;
use crate::access::policy::{self, READ_ENVIRONMENT, READ_PROJECT, USE_ENVIRONMENT, WRITE_PROJECT};
use crate::core::Core;
use crate::error::{Error, FieldProblem, StoreResult as _};

#[derive(Debug)]
pub struct Variables(pub(crate) Arc<Core>);

/// A variable somebody sets.
#[derive(Debug, Clone)]
pub struct NewVariable {
    pub key: String,
    /// `None` keeps the value that a secret has.
    pub value: Option<String>,
    pub secret: bool,
    pub exposure: Exposure,
}

#[derive(Debug, Clone)]
pub struct VariablesView {
    pub version: u64,
    pub items: Vec<VariableView>,
}

#[derive(Debug, Clone)]
pub struct VariableView {
    /// Where it holds: `None` for all.
    pub environment: Option<EnvironmentName>,
    /// A slot, or the beginning of names and `*`.
    pub slot: Option<SlotPattern>,
    pub key: String,
    /// `None` for a secret.
    pub value: Option<String>,
    pub secret: bool,
    pub exposure: Exposure,
    pub updated_at: Timestamp,
}

/// More would not fit a process environment anyway.
const MAXIMUM: usize = 500;

impl Variables {
    /// Those that were set there, or what there is in another sense.
    pub async fn get(
        &self,
        principal: &Principal,
        project: &str,
        at: &VariablesAt,
        shown: VariablesShown,
    ) -> Result<VariablesView, Error> {
        let project = policy::project(&self.0, principal, project, READ_PROJECT).await?;
        let place = at::find(&self.0, principal, at, READ_ENVIRONMENT).await?;
        let mut stored = self.0.store.variables_get(&project.id).await.stored()?;
        let mut names = place.names();
        match shown {
            VariablesShown::Own => stored.retain(|it| it.scope == place.scope),
            VariablesShown::All => {
                let environments =
                    self.0.store.environment_list_visible(&principal.visibility()).await.stored()?;
                names = environments.into_iter().map(|it| (it.id, it.name)).collect();
                // Of an environment that somebody may not see, nothing is shown either.
                stored.retain(|it| at::environment_of(&it.scope).is_none_or(|id| names.contains_key(id)));
            }
            VariablesShown::InForce => {
                let (environment, slot) = place.slot()?;
                stored = in_force(stored, |it| (&it.key, &it.scope), &environment.id, &slot);
            }
        }
        Ok(view(project.variables_version, stored, &names))
    }

    async fn own(
        &self,
        principal: &Principal,
        project: &str,
        at: &VariablesAt,
    ) -> Result<VariablesView, Error> {
        self.get(principal, project, at, VariablesShown::Own).await
    }

    /// Replaces all that were set there.
    pub async fn replace(
        &self,
        principal: &Principal,
        project: &str,
        at: &VariablesAt,
        items: Vec<NewVariable>,
        if_version: Option<u64>,
    ) -> Result<VariablesView, Error> {
        let found = policy::project(&self.0, principal, project, WRITE_PROJECT).await?;
        let place = at::find(&self.0, principal, at, USE_ENVIRONMENT).await?;
        let mut stored = self.0.store.variables_get(&found.id).await.stored()?;
        stored.retain(|it| it.scope == place.scope);
        let sealed = self.seal(&found, &place.scope, &stored, items)?;
        let expected = if_version.unwrap_or(found.variables_version);
        let deed = principal.does_to(&self.0, "variables.update", &found);
        let unit = self.0.store.begin().await.stored()?;
        unit.variables_replace(&found.id, &place.scope, &sealed, expected)
            .await
            .asked_for("variables", &found.name)?;
        let told = |these, those| told(&place, these, those);
        deed.before(told(&stored, &sealed)).after(told(&sealed, &stored)).commit(unit).await?;
        self.own(principal, project, at).await
    }

    /// Sets one.
    pub async fn put(
        &self,
        principal: &Principal,
        project: &str,
        at: &VariablesAt,
        item: NewVariable,
    ) -> Result<VariablesView, Error> {
        self.change(principal, project, at, |items| {
            items.retain(|other| other.key != item.key);
            items.push(item);
        })
        .await
    }

    pub async fn delete(
        &self,
        principal: &Principal,
        project: &str,
        at: &VariablesAt,
        key: &str,
    ) -> Result<VariablesView, Error> {
        let before = self.own(principal, project, at).await?;
        if !before.items.iter().any(|item| item.key == key) {
            return Err(Error::not_found("variable", policy::shortened(key)));
        }
        self.change(principal, project, at, |items| items.retain(|item| item.key != key)).await
    }

    /// Reads, changes and writes, as long as nobody else wrote in between.
    async fn change(
        &self,
        principal: &Principal,
        project: &str,
        at: &VariablesAt,
        change: impl FnOnce(&mut Vec<NewVariable>),
    ) -> Result<VariablesView, Error> {
        let before = self.own(principal, project, at).await?;
        let mut items: Vec<NewVariable> = before
            .items
            .into_iter()
            .map(|item| NewVariable {
                key: item.key,
                value: item.value,
                secret: item.secret,
                exposure: item.exposure,
            })
            .collect();
        change(&mut items);
        self.replace(principal, project, at, items, Some(before.version)).await
    }

    fn seal(
        &self,
        project: &Project,
        scope: &VariableScope,
        stored: &[StoredVariable],
        items: Vec<NewVariable>,
    ) -> Result<Vec<StoredVariable>, Error> {
        let (mut sealed, mut problems) = (Vec::new(), Vec::new());
        if items.len() > MAXIMUM {
            return Err(Error::invalid("", format!("at most {MAXIMUM} variables")));
        }
        for (index, item) in items.into_iter().enumerate() {
            match self.seal_one(project, scope, stored, item) {
                Ok(variable) => sealed.push(variable),
                Err(Error::Validation(found)) => problems.extend(
                    found
                        .into_iter()
                        .map(|it| FieldProblem::new(format!("/{index}{}", it.pointer), it.detail)),
                ),
                Err(error) => return Err(error),
            }
        }
        sealed.sort_by(|a: &StoredVariable, b| a.key.cmp(&b.key));
        if let Some(pair) = sealed.windows(2).find(|pair| pair[0].key == pair[1].key) {
            problems.push(FieldProblem::new("", format!("`{}` is there twice", pair[0].key.as_str())));
        }
        if problems.is_empty() { Ok(sealed) } else { Err(Error::Validation(problems)) }
    }

    fn seal_one(
        &self,
        project: &Project,
        scope: &VariableScope,
        stored: &[StoredVariable],
        item: NewVariable,
    ) -> Result<StoredVariable, Error> {
        let key = VariableKey::parse(&item.key).map_err(|error| Error::invalid("/key", error))?;
        let before = stored.iter().find(|variable| variable.key == key);
        let (secret, exposure, now) = (item.secret, item.exposure, self.0.outside.now());
        let Some(value) = item.value else {
            return match before {
                Some(before) if before.secret && secret => Ok(StoredVariable { exposure, ..before.clone() }),
                _ => Err(Error::invalid("/value", format!("`{}` needs a value", key.as_str()))),
            };
        };
        check_value(&key, &value).map_err(|error| Error::invalid("/value", error))?;
        if let Some(before) = before.filter(|it| !it.secret && !secret && it.value == value) {
            return Ok(StoredVariable { exposure, ..before.clone() });
        }
        let value = if secret {
            self.0
                .key
                .seal(&place(project, scope, &key), &value, &*self.0.outside)
                .map_err(Error::internal)?
        } else {
            value
        };
        Ok(StoredVariable { scope: scope.clone(), key, value, secret, exposure, updated_at: now })
    }
}

fn view(
    version: u64,
    stored: Vec<StoredVariable>,
    names: &BTreeMap<EnvironmentId, EnvironmentName>,
) -> VariablesView {
    let items = stored.into_iter().map(|variable| VariableView {
        environment: at::environment_of(&variable.scope).and_then(|id| names.get(id).cloned()),
        slot: match variable.scope {
            VariableScope::Slot(_, slot) => Some(slot),
            VariableScope::Project | VariableScope::Environment(_) => None,
        },
        key: variable.key.as_str().to_owned(),
        value: (!variable.secret).then_some(variable.value),
        secret: variable.secret,
        exposure: variable.exposure,
        updated_at: variable.updated_at,
    });
    VariablesView { version, items: items.collect() }
}

/// What is different in `these` from `those`: never a value, which may be secret without being called so.
fn told(at: &at::Place, these: &[StoredVariable], those: &[StoredVariable]) -> Value {
    let different = these.iter().filter(|variable| !those.contains(variable));
    let told = |it: &StoredVariable| {
        let mut told = json!({ "key": it.key.as_str(), "secret": it.secret, "exposure": it.exposure });
        at.tell(&mut told);
        told
    };
    Value::Array(different.map(told).collect())
}

/// Those of a project that hold in a slot; values of secrets are sealed.
pub(crate) async fn stored_in_force(
    core: &Core,
    project: &Project,
    environment: &Environment,
    slot: &SlotName,
) -> Result<Vec<StoredVariable>, Error> {
    let stored = core.store.variables_get(&project.id).await.stored()?;
    Ok(in_force(stored, |it| (&it.key, &it.scope), &environment.id, slot))
}

/// The variables a new deployment gets, in the clear.
pub(crate) async fn current(
    core: &Core,
    project: &Project,
    environment: &Environment,
    slot: &SlotName,
) -> Result<Vec<Variable>, Error> {
    let stored = stored_in_force(core, project, environment, slot).await?;
    let open = |stored: StoredVariable| {
        let value = if stored.secret {
            let place = place(project, &stored.scope, &stored.key);
            let opened = core.key.open(&place, &stored.value).map_err(Error::internal)?;
            opened.expose_secret().to_owned()
        } else {
            stored.value
        };
        Ok(Variable { key: stored.key, value, secret: stored.secret, exposure: stored.exposure })
    };
    stored.into_iter().map(open).collect()
}

/// What a sealed value is bound to.
fn place(project: &Project, scope: &VariableScope, key: &VariableKey) -> String {
    let (project, key) = (&project.id, key.as_str());
    match scope {
        VariableScope::Project => format!("variable/{project}/{key}"),
        VariableScope::Environment(environment) => format!("variable/{project}/{environment}/{key}"),
        VariableScope::Slot(environment, slot) => {
            format!("variable/{project}/{environment}/{}/{key}", slot.as_str())
        }
    }
}
