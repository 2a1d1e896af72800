//! Node projects: which framework, site or service, and the commands.
//!
//! | file | idea |
//! | --- | --- |
//! | `rule`, `meta`, `tools`, `generators`, `servers` | the tables |
//! | `choose` | which row wins when several match |
//! | `rendering`, `angular` | what a framework's configuration says about where pages are made |
//! | `scripts`, `entry` | what `start` really starts, and what does without one |
//! | `manifest`, `package_manager`, `version` | `package.json` and its neighbours |

mod angular;
mod choose;
mod entry;
mod generators;
mod manifest;
mod meta;
mod package_manager;
mod rendering;
pub(crate) mod rule;
mod scripts;
mod servers;
mod tools;
pub(crate) mod version;

use pierhead_model::plan::{Kind, Runtime};

use self::choose::{Choice, Matched};
use self::manifest::{FILE, PackageJson};
pub(crate) use self::package_manager::PackageManager;
use self::rendering::{Project, Rendering};
use self::scripts::Script;
use super::Context;
use crate::draft::{Draft, Found};
use crate::error::DetectError;
use crate::facts::Facts;

/// Whether this is one of the ids of this ecosystem.
pub(crate) fn id(framework: &str) -> Option<&'static str> {
    let generic = ["node", "bun", "meteor"].into_iter().find(|id| *id == framework);
    rule::all().map(|rule| rule.id).find(|id| *id == framework).or(generic)
}

pub(crate) fn detect(context: &Context<'_, '_>) -> Result<Option<Draft>, DetectError> {
    let facts = context.facts;
    let Some(manifest) = PackageJson::read(facts)? else {
        return Ok(without_manifest(context));
    };
    if facts.has_folder(".meteor") && context.forced.is_none() {
        return Ok(Some(meteor(facts)));
    }
    let project = Project { facts, manifest: &manifest };
    let Some(choice) = choose::choose(&project, context.forced) else { return Ok(None) };
    let install_facts = context.install_facts();
    let installed = PackageJson::read(install_facts).ok().flatten();
    let manager = PackageManager::detect(install_facts, installed.as_ref().unwrap_or(&manifest));
    Ok(Some(plan(context, &project, &manager, &choice)))
}

/// Install and build of the assets of a project in another language, such as Laravel's Vite.
pub(crate) struct Assets {
    pub(crate) install: String,
    pub(crate) build: String,
    pub(crate) inputs: Vec<String>,
}

pub(crate) fn assets(facts: &Facts<'_>) -> Option<Assets> {
    let manifest = PackageJson::read(facts).ok().flatten()?;
    let script = ["build", "production", "prod"].into_iter().find(|name| manifest.script(name).is_some())?;
    let manager = PackageManager::detect(facts, &manifest);
    let inputs = package_manager::inputs(facts);
    Some(Assets { install: manager.install().value, build: manager.run(script), inputs })
}

/// The package manager of a folder with a manifest.
pub(crate) fn package_manager(facts: &Facts<'_>) -> Option<PackageManager> {
    let manifest = PackageJson::read(facts).ok().flatten()?;
    Some(PackageManager::detect(facts, &manifest))
}

/// Files that decide what a folder's packages are.
pub(crate) fn dependency_inputs(facts: &Facts<'_>) -> Vec<String> {
    package_manager::inputs(facts)
}

/// The patterns of `workspaces` in a folder's manifest.
pub(crate) fn workspace_patterns(facts: &Facts<'_>) -> Vec<String> {
    PackageJson::read(facts).ok().flatten().map(|manifest| manifest.workspaces()).unwrap_or_default()
}

fn plan(
    context: &Context<'_, '_>,
    project: &Project<'_, '_>,
    manager: &PackageManager,
    choice: &Choice,
) -> Draft {
    let Project { facts, manifest } = *project;
    let (mut draft, rendering) = match &choice.matched {
        Matched::Rule(rule, evidence) => {
            let mut rendering = rendering::decide(rule, project);
            let name = display_name(rule, manifest);
            let mut draft =
                Draft::new(evidence.clone().map(|_| rule.id), name, rendering.kind.value, Runtime::Node);
            draft.plan.caches.extend(rule.caches.iter().map(|cache| (*cache).to_owned()));
            for (name, value) in rule.variables.iter().chain(&rendering.variables) {
                draft.variable(name, value);
            }
            if !rule.warning.is_empty() {
                draft.warn(rule.warning);
            }
            std::mem::take(&mut rendering.warnings).into_iter().for_each(|warning| draft.warn(warning));
            if rule.port == 0 {
                draft.no_port("it connects out and answers no requests: a worker without a health check");
            } else if rendering.kind.value == Kind::Service {
                draft.port(Found::default(
                    rule.port,
                    format!("{}'s usual port, handed over in PORT", rule.name),
                ));
            }
            (draft, Some(rendering))
        }
        Matched::Node(evidence) => {
            let mut draft =
                Draft::new(evidence.clone().map(|_| "node"), "Node.js", Kind::Service, Runtime::Node);
            draft.port(Found::default(3000, "the usual port, handed over in PORT"));
            (draft, None)
        }
        Matched::BuildOnly(evidence) => {
            let mut draft =
                Draft::new(evidence.clone().map(|_| "node"), "Node.js (site)", Kind::Site, Runtime::Node);
            draft.output(Found::default("dist".to_owned(), "the usual folder; looked for after the build"));
            (draft, None)
        }
    };
    version::detect(facts, manifest, context.choices.version("node"), &mut draft);
    draft.package_manager(manager.name.clone());
    if manifest.needs_install() || manager.lockfile.is_some() {
        draft.install(manager.install());
    } else {
        draft.note(
            "install_command",
            &Found::detected((), "package.json lists nothing to install").at(FILE, None),
        );
    }
    manager.warnings.iter().for_each(|warning| draft.warn(warning.clone()));
    draft.plan.dependency_inputs = package_manager::inputs(facts);
    let rule = match &choice.matched {
        Matched::Rule(rule, _) => Some(*rule),
        Matched::Node(_) | Matched::BuildOnly(_) => None,
    };
    build(&mut draft, manifest, manager, rule.map_or("", |rule| rule.build), rendering.as_ref());
    match (&choice.matched, &rendering) {
        (Matched::Rule(..), Some(rendering)) => draft.kind(&rendering.kind),
        (Matched::Rule(_, evidence) | Matched::Node(evidence) | Matched::BuildOnly(evidence), _) => {
            let kind = draft.plan.kind;
            draft.kind(&evidence.clone().map(|()| kind));
        }
    }
    match draft.plan.kind {
        Kind::Site => site(&mut draft, rendering.as_ref()),
        Kind::Service | Kind::Image => {
            start(&mut draft, project, manager, rule.map(|rule| rule.any), rendering.as_ref())
        }
    }
    choice.others.iter().for_each(|other| draft.alternative(other));
    suggest(&mut draft, manifest);
    draft
}

/// The script that the team runs, else the framework's own command.
fn build(
    draft: &mut Draft,
    manifest: &PackageJson,
    manager: &PackageManager,
    own: &str,
    rendering: Option<&Rendering>,
) {
    let changed = rendering.and_then(|rendering| rendering.build.as_deref());
    let generates = changed.is_some_and(|command| command == "nuxt generate");
    let found = match (manifest.script("build"), changed) {
        // A static Nuxt site needs `generate`, which its `build` script does not run.
        (Some(_), _) if generates => {
            let command = if manifest.script("generate").is_some() {
                manager.run("generate")
            } else {
                manager.exec("nuxt generate")
            };
            Some(
                Found::detected(command, "the pages are made ahead of time")
                    .at(FILE, manifest.line("scripts", "generate")),
            )
        }
        (Some(script), _) => Some(
            Found::detected(manager.run("build"), format!("`\"build\": \"{script}\"` in {FILE}"))
                .at(FILE, manifest.line("scripts", "build")),
        ),
        (None, changed) => {
            Some(changed.unwrap_or(own)).filter(|command| !command.is_empty()).map(|command| {
                Found::detected(
                    manager.exec(command),
                    "the framework's own command; there is no `build` script",
                )
            })
        }
    };
    let Some(found) = found else { return };
    let after = rendering.and_then(|rendering| rendering.after_build.as_deref());
    draft.build(match after {
        Some(after) => found.map(|command| format!("{command} && {after}")),
        None => found,
    });
}

fn site(draft: &mut Draft, rendering: Option<&Rendering>) {
    let Some(rendering) = rendering else { return };
    if let Some(output) = &rendering.output {
        draft.output(output.clone());
    }
    if rendering.single_page {
        draft.single_page(&Found::default(true, "its routes live in the browser"));
    }
}

/// The production server: what is certain, then the `start` script, then its production sibling, then the framework's own
/// command, then an entry file.
fn start(
    draft: &mut Draft,
    project: &Project<'_, '_>,
    manager: &PackageManager,
    packages: Option<&[&str]>,
    rendering: Option<&Rendering>,
) {
    let Project { facts, manifest } = *project;
    let own = rendering
        .and_then(|rendering| rendering.start.clone())
        .map(|start| start.map(|start| manager.exec(&start)));
    if let Some(own) = own.clone().filter(|_| rendering.is_some_and(|rendering| rendering.start_is_certain)) {
        draft.start(own);
        return;
    }
    let script = manifest.script("start");
    let kind = script.map(|script| scripts::classify(manifest, script));
    if let (Some(script), Some(Script::Production)) = (script, kind) {
        if let Some(port) = scripts::fixed_port(script) {
            let because = format!("the `start` script fixes it: `{script}`");
            draft.port(Found::detected(port, because).at(FILE, manifest.line("scripts", "start")));
        }
        let because = format!("`\"start\": \"{script}\"` in {FILE}");
        draft.start(
            Found::detected(manager.run("start"), because).at(FILE, manifest.line("scripts", "start")),
        );
        return;
    }
    let production = ["start:prod", "start:production", "start-prod", "serve:prod", "prod", "production"]
        .into_iter()
        .find_map(|name| Some((name, manifest.script(name)?)));
    let passed_over = match kind {
        Some(Script::Development) => ", because `start` is a development server",
        _ => "",
    };
    if let Some((name, script)) = production
        && scripts::classify(manifest, script) == Script::Production
    {
        let because = format!("`\"{name}\": \"{script}\"` in {FILE}{passed_over}");
        draft.start(Found::detected(manager.run(name), because).at(FILE, manifest.line("scripts", name)));
        return;
    }
    if let Some(mut own) = own {
        own.because.push_str(passed_over);
        draft.start(own);
        return;
    }
    let named = script.and_then(scripts::file_argument).and_then(crate::source::path::strict);
    let named = named.filter(|file| facts.has(file));
    let candidates = entry::candidates(facts, manifest);
    let importing = packages.and_then(|packages| entry::importing(facts, &candidates, packages));
    let listening = candidates.iter().find(|path| entry::listens(facts, path)).cloned();
    let entry = named.or(importing).or(listening).or_else(|| candidates.first().cloned());
    let Some(entry) = entry.filter(|entry| crate::source::path::is_shell_safe(entry)) else {
        draft.warn(
            "nothing says how to start this: add a `start` script to package.json, or set a start command",
        );
        return;
    };
    let (command, warning) = entry::run(&entry, manifest);
    warning.into_iter().for_each(|warning| draft.warn(warning));
    draft.start(
        Found::detected(manager.exec(&command), format!("{entry} starts the server{passed_over}"))
            .at(entry, None),
    );
}

fn display_name(rule: &rule::Rule, manifest: &PackageJson) -> String {
    const VARIANTS: &[(&str, &str)] = &[
        ("react", "React"),
        ("vue", "Vue"),
        ("svelte", "Svelte"),
        ("preact", "Preact"),
        ("lit", "Lit"),
        ("solid-js", "Solid"),
        ("@builder.io/qwik", "Qwik"),
    ];
    let version = rule.any.iter().find_map(|package| manifest.major_minor(package));
    let name = version.map_or_else(|| rule.name.to_owned(), |version| format!("{} {version}", rule.name));
    let variant = VARIANTS.iter().find(|(package, _)| rule.id == "vite" && manifest.has(package));
    variant.map_or(name.clone(), |(_, variant)| format!("{name} ({variant})"))
}

/// A server without `package.json`: one file, no dependencies.
fn without_manifest(context: &Context<'_, '_>) -> Option<Draft> {
    let facts = context.facts;
    let manifest = PackageJson::default();
    let candidates = entry::candidates(facts, &manifest);
    let listening = candidates.iter().find(|path| entry::listens(facts, path)).cloned();
    let entry =
        if context.forced.is_some() { listening.or_else(|| candidates.first().cloned()) } else { listening }?;
    let evidence = Found::detected("node", format!("{entry} opens a port")).at(&*entry, None);
    let mut draft = Draft::new(evidence, "Node.js", Kind::Service, Runtime::Node);
    version::detect(facts, &manifest, context.choices.version("node"), &mut draft);
    let (command, warning) = entry::run(&entry, &manifest);
    warning.into_iter().for_each(|warning| draft.warn(warning));
    draft.start(Found::detected(command, format!("{entry} starts the server")).at(&*entry, None));
    draft.port(Found::default(3000, "the usual port, handed over in PORT"));
    Some(draft)
}

fn meteor(facts: &Facts<'_>) -> Draft {
    let evidence = Found::detected("meteor", "there is a .meteor folder").at(".meteor/release", None);
    let mut draft = Draft::new(evidence, "Meteor", Kind::Service, Runtime::Other("meteor".to_owned()));
    draft.install(Found::detected("meteor npm install".to_owned(), "Meteor's own npm"));
    draft.build(Found::detected("meteor build --directory out".to_owned(), "Meteor's bundle"));
    draft.start(Found::detected("node out/bundle/main.js".to_owned(), "the bundle's entry"));
    draft.port(Found::default(3000, "Meteor's usual port, handed over in PORT"));
    draft.plan.dependency_inputs = package_manager::inputs(facts);
    draft.warn(crate::dockerfile_template::needs_one("Meteor"));
    draft.suggest("Meteor needs ROOT_URL (the public address) and MONGO_URL");
    draft
}

/// Databases that the dependencies talk to.
fn suggest(draft: &mut Draft, manifest: &PackageJson) {
    const DATABASES: &[(&[&str], &str)] = &[
        (&["pg", "postgres", "@neondatabase/serverless"], "PostgreSQL"),
        (&["mysql", "mysql2"], "MySQL"),
        (&["mongodb", "mongoose"], "MongoDB"),
        (&["redis", "ioredis", "bullmq"], "Redis"),
    ];
    for (packages, database) in DATABASES {
        if let Some(package) = manifest.first(packages) {
            draft.suggest(format!("{package} is a dependency: connect a {database} database"));
        }
    }
    if manifest.has("prisma") && draft.plan.kind == Kind::Service {
        draft.suggest("Prisma: set the release command to `npx prisma migrate deploy`");
    }
}
