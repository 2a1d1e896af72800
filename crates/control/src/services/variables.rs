//! Variables of a project. A secret's value goes in and never comes out again.

use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::variable::{Exposure, Variable, VariableKey, check_value};
use pierhead_store::{Project, StoredVariable};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::auth::Principal;
use crate::access::policy::{self, READ_PROJECT, WRITE_PROJECT};
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
    pub async fn get(&self, principal: &Principal, project: &str) -> Result<VariablesView, Error> {
        let project = policy::project(&self.0, principal, project, READ_PROJECT).await?;
        self.view(&project).await
    }

    async fn view(&self, project: &Project) -> Result<VariablesView, Error> {
        let stored = self.0.store.variables_get(&project.id).await.stored()?;
        let items = stored.into_iter().map(|variable| VariableView {
            key: variable.key.as_str().to_owned(),
            value: (!variable.secret).then_some(variable.value),
            secret: variable.secret,
            exposure: variable.exposure,
            updated_at: variable.updated_at,
        });
        Ok(VariablesView { version: project.variables_version, items: items.collect() })
    }

    /// Replaces all of them.
    pub async fn replace(
        &self,
        principal: &Principal,
        project: &str,
        items: Vec<NewVariable>,
        if_version: Option<u64>,
    ) -> Result<VariablesView, Error> {
        let found = policy::project(&self.0, principal, project, WRITE_PROJECT).await?;
        let stored = self.0.store.variables_get(&found.id).await.stored()?;
        let sealed = self.seal(&found, &stored, items)?;
        let expected = if_version.unwrap_or(found.variables_version);
        let deed = principal.does_to(&self.0, "variables.update", &found);
        let unit = self.0.store.begin().await.stored()?;
        unit.variables_replace(&found.id, &sealed, expected).await.asked_for("variables", &found.name)?;
        deed.before(told(&stored, &sealed)).after(told(&sealed, &stored)).commit(unit).await?;
        self.view(&policy::project(&self.0, principal, project, READ_PROJECT).await?).await
    }

    /// Sets one.
    pub async fn put(
        &self,
        principal: &Principal,
        project: &str,
        item: NewVariable,
    ) -> Result<VariablesView, Error> {
        self.change(principal, project, |items| {
            items.retain(|other| other.key != item.key);
            items.push(item);
        })
        .await
    }

    pub async fn delete(
        &self,
        principal: &Principal,
        project: &str,
        key: &str,
    ) -> Result<VariablesView, Error> {
        let before = self.get(principal, project).await?;
        if !before.items.iter().any(|item| item.key == key) {
            return Err(Error::not_found("variable", key));
        }
        self.change(principal, project, |items| items.retain(|item| item.key != key)).await
    }

    /// Reads, changes and writes, as long as nobody else wrote in between.
    async fn change(
        &self,
        principal: &Principal,
        project: &str,
        change: impl FnOnce(&mut Vec<NewVariable>),
    ) -> Result<VariablesView, Error> {
        let before = self.get(principal, project).await?;
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
        self.replace(principal, project, items, Some(before.version)).await
    }

    fn seal(
        &self,
        project: &Project,
        stored: &[StoredVariable],
        items: Vec<NewVariable>,
    ) -> Result<Vec<StoredVariable>, Error> {
        let (mut sealed, mut problems) = (Vec::new(), Vec::new());
        if items.len() > MAXIMUM {
            return Err(Error::invalid("", format!("at most {MAXIMUM} variables")));
        }
        for (index, item) in items.into_iter().enumerate() {
            match self.seal_one(project, stored, item) {
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
            self.0.key.seal(&place(project, &key), &value, &*self.0.outside).map_err(Error::internal)?
        } else {
            value
        };
        Ok(StoredVariable { key, value, secret, exposure, updated_at: now })
    }
}

/// What is different in `these` from `those`: never a value, which may be secret without being called so.
fn told(these: &[StoredVariable], those: &[StoredVariable]) -> Value {
    let different = these.iter().filter(|variable| !those.contains(variable));
    let told =
        |it: &StoredVariable| json!({ "key": it.key.as_str(), "secret": it.secret, "exposure": it.exposure });
    Value::Array(different.map(told).collect())
}

/// The variables a new deployment gets, in the clear.
pub(crate) async fn current(core: &Core, project: &Project) -> Result<Vec<Variable>, Error> {
    let stored = core.store.variables_get(&project.id).await.stored()?;
    let open = |stored: StoredVariable| {
        let value = if stored.secret {
            let opened =
                core.key.open(&place(project, &stored.key), &stored.value).map_err(Error::internal)?;
            opened.expose_secret().to_owned()
        } else {
            stored.value
        };
        Ok(Variable { key: stored.key, value, secret: stored.secret, exposure: stored.exposure })
    };
    stored.into_iter().map(open).collect()
}

fn place(project: &Project, key: &VariableKey) -> String {
    format!("variable/{}/{}", project.id, key.as_str())
}
