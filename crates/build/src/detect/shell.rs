//! `start.sh`: a project that starts itself.

use pierhead_model::plan::{Kind, Runtime};

use crate::draft::{Draft, Found};
use crate::error::DetectError;

use super::Context;

pub(crate) fn id(framework: &str) -> Option<&'static str> {
    (framework == "shell").then_some("shell")
}

pub(crate) fn detect(context: &Context<'_, '_>) -> Result<Option<Draft>, DetectError> {
    const FILE: &str = "start.sh";
    let Some(head) = context.facts.head(FILE).filter(|_| context.facts.has(FILE)) else { return Ok(None) };
    let first = head.lines().next().unwrap_or_default();
    let interpreter =
        ["bash", "zsh", "dash"].into_iter().find(|shell| first.starts_with("#!") && first.ends_with(shell));
    let evidence = Found::detected("shell", "there is start.sh").at(FILE, Some(1));
    let mut draft = Draft::new(evidence, "Shell script", Kind::Service, Runtime::Node);
    let command = format!("{} {FILE}", interpreter.unwrap_or("sh"));
    draft.start(Found::detected(command, "the interpreter of its first line").at(FILE, Some(1)));
    draft.port(Found::default(8080, "handed over in PORT"));
    draft.warn(
        "a shell script says nothing about its language: the Node image is used, a Dockerfile is sturdier",
    );
    Ok(Some(draft))
}
