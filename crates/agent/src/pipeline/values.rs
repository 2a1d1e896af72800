//! What references stand for, in one run at one moment.

use pierhead_model::assignment::Assignment;
use pierhead_model::pipeline::reference::Reference;
use pierhead_model::pipeline::resolve::{Resolved, Resolver, Unresolved};
use pierhead_model::run::PipelineWork;

use super::notes::Notes;

/// Shorter texts that a plugin left are too common to be taken out of logs.
const SHORTEST_SECRET: usize = 8;

#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'v> {
    pub(super) assignment: &'v Assignment,
    pub(super) work: &'v PipelineWork,
    pub(super) notes: &'v Notes,
    /// Secrets are missing: everything stands for nothing, which is enough to recognize what runs.
    pub(super) unknown: bool,
}

impl Values<'_> {
    /// What must not be shown: every secret of the project, and the texts that plugins left.
    pub(super) fn secrets(&self) -> Vec<String> {
        let variables = self.assignment.work.variables.iter().filter(|variable| variable.secret);
        let left = self.notes.outputs.iter().filter(|(step, _)| self.is_plugin(step));
        let left = left.flat_map(|(_, outputs)| outputs.values()).filter_map(|value| value.as_str());
        let left = left.filter(|text| text.len() >= SHORTEST_SECRET && !is_plain(text));
        variables.map(|variable| variable.value.clone()).chain(left.map(str::to_owned)).collect()
    }

    fn is_plugin(&self, step: &pierhead_model::pipeline::StepName) -> bool {
        use pierhead_model::pipeline::definition::Step;
        matches!(self.work.pipeline.steps.get(step), Some(Step::Plugin(_)))
    }
}

/// Names and numbers: nothing of it is a secret by its look.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        || text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'-')
}

impl Resolver for Values<'_> {
    fn resolve(&self, reference: &Reference) -> Result<Resolved, Unresolved> {
        if self.unknown {
            return Ok(Resolved::public(String::new()));
        }
        let again = || reference.clone();
        let variable = |name: &str, secret: bool| {
            let found = self.assignment.work.variables.iter();
            found
                .filter(|it| it.secret == secret)
                .find(|it| it.key.as_str() == name)
                .map(|it| it.value.clone())
        };
        match reference {
            Reference::StepOutput { step, output } => {
                let outputs = self.notes.outputs.get(step).ok_or_else(|| Unresolved::NotYet(again()))?;
                let value = outputs.get(output.as_str()).ok_or_else(|| Unresolved::NoSuchOutput(again()))?;
                let value = value.clone();
                Ok(if self.is_plugin(step) { Resolved::secret(value) } else { Resolved::public(value) })
            }
            Reference::SlotUrl { service } => match self.work.public.get(service) {
                Some(public) => Ok(Resolved::public(public.url.clone())),
                None => Err(Unresolved::NoSuchService(again())),
            },
            Reference::SlotName => Ok(Resolved::public(self.assignment.slot.to_string())),
            Reference::DeploymentId => Ok(Resolved::public(self.assignment.belongs_to().to_string())),
            Reference::Secret(name) => variable(name.as_str(), true)
                .map(Resolved::secret)
                .ok_or_else(|| Unresolved::NoSuchSecret(again())),
            Reference::Variable(name) => variable(name.as_str(), false)
                .map(Resolved::public)
                .ok_or_else(|| Unresolved::NoSuchVariable(again())),
            Reference::Parameter(name) => match self.work.parameters.get(name) {
                Some(value) => Ok(Resolved::public(value.clone())),
                None => Err(Unresolved::NoSuchParameter(again())),
            },
        }
    }
}
