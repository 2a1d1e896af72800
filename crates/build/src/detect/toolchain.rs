//! Toolchains that are recognised without a runtime image of their own: the plan names what would be done, and a
//! Dockerfile to start from comes with it ([`crate::dockerfile_template`]).

mod rules;

use pierhead_model::plan::{Kind, Runtime};

pub(crate) use self::rules::{Rule, Stage, all};
use super::Context;
use crate::draft::{Draft, Found};
use crate::error::DetectError;
use crate::facts::Facts;
use crate::source::path;
use crate::text;

fn id_at(stage: Stage, framework: &str) -> Option<&'static str> {
    all().filter(|rule| rule.stage == stage).map(|rule| rule.id).find(|id| *id == framework)
}

pub(crate) fn id_before(framework: &str) -> Option<&'static str> {
    id_at(Stage::BeforePython, framework)
}

pub(crate) fn id_between(framework: &str) -> Option<&'static str> {
    id_at(Stage::BeforeNode, framework)
}

pub(crate) fn id_after(framework: &str) -> Option<&'static str> {
    id_at(Stage::AfterNode, framework)
}

pub(crate) fn detect_before_python(context: &Context<'_, '_>) -> Result<Option<Draft>, DetectError> {
    Ok(detect(context, Stage::BeforePython))
}

pub(crate) fn detect_before_node(context: &Context<'_, '_>) -> Result<Option<Draft>, DetectError> {
    Ok(detect(context, Stage::BeforeNode))
}

pub(crate) fn detect_after_node(context: &Context<'_, '_>) -> Result<Option<Draft>, DetectError> {
    Ok(detect(context, Stage::AfterNode))
}

fn detect(context: &Context<'_, '_>, stage: Stage) -> Option<Draft> {
    let facts = context.facts;
    if let Some(forced) = context.forced {
        let rule = all().find(|rule| rule.id == forced)?;
        let manifest = manifest(facts, rule);
        return Some(plan(context, rule, manifest.as_deref(), Found::default(rule.id, "chosen explicitly")));
    }
    all().filter(|rule| rule.stage == stage).find_map(|rule| {
        let manifest = manifest(facts, rule)?;
        let evidence = if rule.contains.is_empty() {
            Found::detected(rule.id, format!("there is {manifest}")).at(&*manifest, None)
        } else {
            let files = std::iter::once(manifest.as_str()).chain(rule.look_into.iter().copied());
            let (file, line, what) =
                files.filter_map(|file| Some((file, facts.text(file)?))).find_map(|(file, contents)| {
                    let what = rule.contains.iter().find(|what| contents.contains(*what))?;
                    Some((file.to_owned(), text::line_of(&contents, what), what))
                })?;
            Found::detected(rule.id, format!("`{what}` in {file}")).at(file, line)
        };
        // A library has a manifest too; what cannot be run is not deployed.
        let is_library = rule.runtime == "rust" && !is_rust_program(facts);
        (!is_library).then(|| plan(context, rule, Some(&manifest), evidence))
    })
}

/// The file that shows the toolchain; a name that begins with `*` is an extension.
fn manifest(facts: &Facts<'_>, rule: &Rule) -> Option<String> {
    rule.manifests.iter().find_map(|name| match name.strip_prefix("*.") {
        Some(extension) => facts.with_extension(&[extension]).map(str::to_owned).next().or_else(|| {
            facts.files().find(|file| file.ends_with(&format!(".{extension}"))).map(str::to_owned)
        }),
        None => facts.has(name).then(|| (*name).to_owned()),
    })
}

fn is_rust_program(facts: &Facts<'_>) -> bool {
    facts.has("src/main.rs")
        || facts.has_folder("src/bin")
        || facts.contains("Cargo.toml", "[[bin]]")
        || facts.contains("Cargo.toml", "[workspace]")
}

fn plan(
    context: &Context<'_, '_>,
    rule: &'static Rule,
    manifest: Option<&str>,
    evidence: Found<&str>,
) -> Draft {
    let facts = context.facts;
    let kind = Kind::Service;
    let mut draft = Draft::new(evidence, rule.name, kind, Runtime::Other(rule.runtime.to_owned()));
    draft.kind(&Found::detected(kind, format!("{} programs answer requests", rule.name)));
    match context.choices.version(rule.runtime) {
        Some(version) => draft.runtime_version(version.clone()),
        None => {
            if let Some(version) = version(facts, rule, manifest) {
                draft.runtime_version(version);
            }
        }
    }
    let program = program(facts, rule, manifest);
    let filled = |template: &str| template.replace("{program}", &program);
    for (command, set) in [
        (rule.install, Draft::install as fn(&mut Draft, Found<String>)),
        (rule.build, Draft::build),
        (rule.start, Draft::start),
    ] {
        if !command.is_empty() {
            set(&mut draft, Found::detected(filled(command), format!("the usual command for {}", rule.name)));
        }
    }
    draft.port(Found::default(rule.port, format!("{}'s usual port, handed over in PORT", rule.name)));
    for (name, value) in rule.variables {
        draft.variable(name, value);
    }
    draft.plan.dependency_inputs =
        rule.inputs.iter().filter(|file| facts.has(file)).map(|file| (*file).to_owned()).collect();
    if !rule.suggestion.is_empty() {
        draft.suggest(rule.suggestion);
    }
    draft.warn(crate::dockerfile_template::needs_one(rule.name));
    draft
}

/// The version that the toolchain's own files ask for.
fn version(facts: &Facts<'_>, rule: &Rule, manifest: Option<&str>) -> Option<Found<String>> {
    rule.versions.iter().find_map(|(file, pattern)| {
        let file = if file.is_empty() { manifest? } else { file };
        let literal = text::captured(&facts.text(file)?, pattern)?;
        Some(Found::detected(literal.value, format!("{file} names it")).at(file, Some(literal.line)))
    })
}

/// What is built: a Go command's folder, a Rust or .NET program's name, a mix release.
fn program(facts: &Facts<'_>, rule: &Rule, manifest: Option<&str>) -> String {
    let captured =
        |file: &str, pattern: &str| text::captured(&facts.text(file)?, pattern).map(|found| found.value);
    let found = match rule.runtime {
        "go" => {
            let commands: Vec<&str> = facts
                .files()
                .filter_map(|file| file.strip_prefix("cmd/")?.split_once('/').map(|(name, _)| name))
                .collect();
            let preferred = ["server", "api", "web"].into_iter().find(|name| commands.contains(name));
            let command = preferred.or(commands.first().copied()).filter(|_| !facts.has("main.go"));
            Some(command.map_or_else(|| ".".to_owned(), |command| format!("./cmd/{command}")))
        }
        "rust" => captured("Cargo.toml", r#"(?m)^\s*name\s*=\s*["']([A-Za-z0-9_-]+)["']"#),
        "dotnet" => manifest.and_then(|manifest| {
            let name = manifest.rsplit('/').next()?;
            Some(name.rsplit_once('.')?.0.to_owned())
        }),
        "elixir" => captured("mix.exs", r"app:\s*:([a-z0-9_]+)"),
        _ => None,
    };
    found.filter(|name| path::is_shell_safe(name)).unwrap_or_else(|| "app".to_owned())
}
