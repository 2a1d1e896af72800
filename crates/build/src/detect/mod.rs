//! The algorithm: explicit choices, then a Dockerfile, then languages in a fixed order, then frameworks in the language.
//!
//! | file | ecosystem |
//! | --- | --- |
//! | `dockerfile`, `compose` | images |
//! | `node` | JavaScript: meta-frameworks, tools, generators, servers |
//! | `python`, `php` | their frameworks, with the server that runs them |
//! | `generator` | site generators outside of npm |
//! | `toolchain` | everything that is recognised and needs a Dockerfile |
//! | `static_site`, `shell` | what is left |
//! | `workspace`, `candidates` | monorepos |

mod candidates;
mod compose;
mod dockerfile;
pub(crate) mod generator;
pub(crate) mod node;
pub(crate) mod php;
pub(crate) mod python;
mod shell;
mod static_site;
pub(crate) mod toolchain;
mod workspace;

use pierhead_model::plan::{BuildPlan, BuildSettings, Builder, Kind, Origin};

use crate::choices::Choices;
use crate::draft::{Draft, Found};
use crate::error::DetectError;
use crate::facts::Facts;
use crate::foreign;
use crate::project_file;
use crate::source::{SourceTree, path};
use crate::text;

use self::workspace::Workspace;

/// What to plan, and what is decided already.
#[derive(Debug, Clone, Default)]
pub struct Request<'r> {
    /// Relative to the source; empty or `.` for its root.
    pub root_directory: &'r str,
    /// From this one call: beats `pierhead.yaml`.
    pub flags: BuildSettings,
    /// The project's settings: `pierhead.yaml` beats them.
    pub settings: BuildSettings,
}

/// A plan for a folder of a source tree, under the project's settings.
pub fn detect(
    tree: &dyn SourceTree,
    settings: &BuildSettings,
    root_directory: &str,
) -> Result<BuildPlan, DetectError> {
    detect_request(tree, &Request { root_directory, settings: settings.clone(), ..Request::default() })
}

/// Like [`detect`], with flags besides settings.
pub fn detect_request(tree: &dyn SourceTree, request: &Request<'_>) -> Result<BuildPlan, DetectError> {
    let listing = tree.list();
    let source = Source { tree, listing: &listing };
    let flags = Choices::from_settings(&request.flags, Origin::Flag)?;
    let settings = Choices::from_settings(&request.settings, Origin::Project)?;
    let (root, root_reason, file) = root_directory(&source, request.root_directory)?;
    let from_file = file.as_ref().map(Choices::from_project_file).transpose()?.unwrap_or_default();
    let decided = flags.or(from_file).or(settings);
    let mut plan = folder(&source, &root, decided, Depth::Whole)?;
    if let Some(reason) = root_reason {
        plan.reasons.insert(0, reason);
    }
    Ok(plan)
}

/// The id under which a framework is known, if it is.
pub(crate) fn known(framework: &str) -> Option<&'static str> {
    PROVIDERS
        .iter()
        .find_map(|provider| (provider.id)(framework))
        .or_else(|| ["dockerfile", "static", "none"].into_iter().find(|id| *id == framework))
}

/// The tree and its listing, taken once.
pub(crate) struct Source<'t> {
    pub(crate) tree: &'t dyn SourceTree,
    pub(crate) listing: &'t [String],
}

impl<'t> Source<'t> {
    pub(crate) fn facts(&self, root: &str) -> Facts<'t> {
        Facts::new(self.tree, self.listing, root)
    }

    /// A folder without files is not there.
    fn require(&self, root: &str) -> Result<(), DetectError> {
        if root == "." || self.listing.iter().any(|file| path::below(root, file).is_some()) {
            return Ok(());
        }
        let candidates = candidates::find(self, ".");
        Err(DetectError::RootDirectoryMissing { given: root.to_owned(), candidates })
    }
}

/// What a provider sees.
pub(crate) struct Context<'c, 't> {
    pub(crate) facts: &'c Facts<'t>,
    pub(crate) choices: &'c Choices,
    /// The framework that was chosen explicitly, one of the provider's own.
    pub(crate) forced: Option<&'c str>,
    workspace: Option<&'c Workspace<'t>>,
}

impl<'t> Context<'_, 't> {
    /// The folder in which packages are installed: a workspace's root, or this one.
    pub(crate) fn install_facts(&self) -> &Facts<'t> {
        self.workspace.map_or(self.facts, |workspace| &workspace.facts)
    }
}

/// Whether the applications of a monorepo may be looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    Whole,
    ThisFolder,
}

type Detect = fn(&Context<'_, '_>) -> Result<Option<Draft>, DetectError>;

struct Provider {
    looks_for: &'static str,
    detect: Detect,
    /// The id when it is one of this provider's frameworks.
    id: fn(&str) -> Option<&'static str>,
    /// A front end of its own beside a back end in another language is only that one's assets.
    carries_assets: bool,
}

const fn provider(looks_for: &'static str, detect: Detect, id: fn(&str) -> Option<&'static str>) -> Provider {
    Provider { looks_for, detect, id, carries_assets: false }
}

/// First match wins. PHP, Ruby, Elixir and Python stand before Node because their projects carry a `package.json`.
const PROVIDERS: &[Provider] = &[
    Provider {
        carries_assets: true,
        ..provider(
            "the configuration of Hugo, Zola or Jekyll",
            generator::detect_certain,
            generator::id_certain,
        )
    },
    Provider { carries_assets: true, ..provider("composer.json or index.php", php::detect, php::id) },
    Provider {
        carries_assets: true,
        ..provider(
            "go.mod, Cargo.toml, pom.xml, Gemfile, mix.exs",
            toolchain::detect_before_python,
            toolchain::id_before,
        )
    },
    Provider {
        carries_assets: true,
        ..provider("requirements.txt, pyproject.toml, Pipfile or a Python file", python::detect, python::id)
    },
    provider("deno.json or a .NET project", toolchain::detect_before_node, toolchain::id_between),
    provider("package.json or a server file", node::detect, node::id),
    provider("another toolchain's project file", toolchain::detect_after_node, toolchain::id_after),
    provider("another site generator's configuration", generator::detect_likely, generator::id_likely),
    provider("index.html", static_site::detect, static_site::id),
    provider("start.sh", shell::detect, shell::id),
];

/// The root directory: what was asked for, else what `pierhead.yaml` or `netlify.toml` at the top says.
type Root = (String, Option<pierhead_model::plan::Reason>, Option<project_file::Found>);

fn root_directory(source: &Source<'_>, asked: &str) -> Result<Root, DetectError> {
    let escapes = |given: &str| DetectError::PathEscapes { field: "root_directory", given: given.to_owned() };
    let asked = path::strict(asked).ok_or_else(|| escapes(asked))?;
    source.require(&asked)?;
    if let Some(file) = project_file::find(source.tree, &asked)? {
        if asked != "." {
            return Ok((asked, None, Some(file)));
        }
        let Some(named) = file.file.root_directory.clone() else {
            return Ok((asked, None, Some(file)));
        };
        let root = path::strict(&named).ok_or_else(|| escapes(&named))?;
        source.require(&root)?;
        let reason =
            reason("`root_directory`", Origin::ProjectFile, &file.path, file.line(&["root_directory"]));
        return Ok((root, Some(reason), Some(file)));
    }
    if asked != "." {
        let top = project_file::find(source.tree, ".")?.map(|file| file.for_root(&asked));
        let ours = top.filter(|file| {
            file.file.root_directory.as_deref().and_then(path::normalise).is_some_and(|root| root == asked)
        });
        return Ok((asked, None, ours));
    }
    match foreign::netlify_base(&source.facts(".")) {
        Some(base) => {
            let reason = reason("`base`", Origin::ForeignFile, "netlify.toml", None);
            Ok((base, Some(reason), None))
        }
        None => Ok((asked, None, None)),
    }
}

fn reason(what: &str, origin: Origin, file: &str, line: Option<u32>) -> pierhead_model::plan::Reason {
    pierhead_model::plan::Reason {
        field: "root_directory".to_owned(),
        because: format!("{what} in {file}"),
        origin,
        file: Some(file.to_owned()),
        line,
    }
}

/// The plan for one folder.
pub(crate) fn folder(
    source: &Source<'_>,
    root: &str,
    decided: Choices,
    depth: Depth,
) -> Result<BuildPlan, DetectError> {
    let facts = source.facts(root);
    let choices = decided.or(foreign::choices(&facts)?);
    let workspace = workspace::of(source, root);
    let context = Context { facts: &facts, choices: &choices, forced: None, workspace: workspace.as_ref() };
    let builder = choices.builder.as_ref().map_or(Builder::Auto, |builder| builder.value);
    let forced = forced(&choices)?;
    if builder != Builder::Framework && matches!(forced, None | Some("dockerfile")) {
        let wanted = builder == Builder::Dockerfile || forced.is_some() || choices.dockerfile.is_some();
        if let Some(mut draft) = dockerfile::detect(&context, wanted)? {
            if let Ok(Some(other)) = first_match(&context) {
                draft.alternative(&other.plan.framework);
                draft.suggest(format!(
                    "without the Dockerfile this would be built as {}: set `build.builder: framework` to switch",
                    other.plan.name
                ));
            }
            return Ok(finish(draft, choices.clone(), root, None));
        }
    }
    let found = match forced {
        Some(framework) => as_chosen(&context, framework)?,
        None if depth == Depth::Whole && workspace::is_only_a_root(&facts) => {
            match candidates::only(source, root)? {
                candidates::Only::One(member) => {
                    let mut plan =
                        folder(source, &path::join(root, &member), choices.clone(), Depth::ThisFolder)?;
                    plan.warnings.push(format!(
                        "the only application of this repository is in {member}: that is deployed"
                    ));
                    return Ok(plan);
                }
                candidates::Only::None => first_match(&context)?,
            }
        }
        None => first_match(&context)?,
    };
    let found = match found {
        Some(draft) => Some(draft),
        // Nothing is recognised, but somebody said how to start or what to serve: that is enough.
        None => explicit(&choices),
    };
    let Some(mut draft) = found else { return Err(nothing(source, &facts, depth)) };
    if let Some(file) = compose::find(&facts) {
        draft.suggest(format!(
            "{file} describes several services: import it as a pipeline to run them together"
        ));
    }
    if facts.has("environment.yml") {
        draft.warn("environment.yml (conda) is not supported: list the packages in requirements.txt, or use a Dockerfile");
    }
    Ok(finish(draft, choices.clone(), root, workspace.as_ref()))
}

fn finish(mut draft: Draft, choices: Choices, root: &str, workspace: Option<&Workspace<'_>>) -> BuildPlan {
    choices.apply(&mut draft);
    if draft.plan.kind == Kind::Service
        && draft
            .plan
            .start_command
            .as_deref()
            .is_some_and(|start| start.contains("127.0.0.1") || start.contains("localhost"))
    {
        draft.warn("the start command names localhost: a service must listen on 0.0.0.0 to be reached");
    }
    draft.plan.root_directory = root.to_owned();
    let mut plan = draft.finish();
    if let Some(workspace) = workspace {
        workspace.lift(&mut plan);
    }
    plan
}

fn forced(choices: &Choices) -> Result<Option<&'static str>, DetectError> {
    let Some(framework) = &choices.framework else { return Ok(None) };
    let given = framework.value.trim().to_ascii_lowercase();
    match known(&given) {
        Some(id) => Ok(Some(id)),
        None => {
            let ids = crate::catalogue::rows().into_iter().map(|row| row.id);
            let suggestion = text::closest(&given, ids);
            Err(DetectError::UnknownFramework { given, suggestion })
        }
    }
}

fn as_chosen(context: &Context<'_, '_>, framework: &'static str) -> Result<Option<Draft>, DetectError> {
    if matches!(framework, "none" | "static") {
        return Ok(Some(static_site::plain(context.facts)));
    }
    let context = Context { forced: Some(framework), ..*context };
    let provider = PROVIDERS.iter().find(|provider| (provider.id)(framework).is_some());
    let draft = provider.map_or(Ok(None), |provider| (provider.detect)(&context))?;
    Ok(draft.map(|mut draft| {
        if let Some(chosen) = &context.choices.framework {
            draft.note("framework", chosen);
        }
        draft
    }))
}

/// The first provider that recognises the folder; what later ones would have made of it becomes an alternative.
fn first_match(context: &Context<'_, '_>) -> Result<Option<Draft>, DetectError> {
    let mut providers = PROVIDERS.iter();
    while let Some(provider) = providers.next() {
        let Some(mut draft) = (provider.detect)(context)? else { continue };
        for other in providers.filter(|other| !matches!(other.looks_for, "index.html" | "start.sh")) {
            match (other.detect)(context) {
                Ok(Some(other)) if provider.carries_assets && other.plan.kind == Kind::Site => {}
                Ok(Some(other)) => {
                    draft.alternative(&other.plan.framework);
                    draft.warn(format!(
                        "this also looks like {}; {} was taken: set `framework` to choose",
                        other.plan.name, draft.plan.name
                    ));
                }
                Ok(None) => {}
                Err(error) => draft.warn(error.to_string()),
            }
        }
        return Ok(Some(draft));
    }
    Ok(None)
}

/// A plan from commands alone.
fn explicit(choices: &Choices) -> Option<Draft> {
    let start = choices.start.as_ref().filter(|start| !start.value.trim().is_empty());
    let found = |because: &str| Found::detected("custom", because);
    if start.is_some() {
        let mut draft = Draft::new(
            found("nothing was recognised, but there is a start command"),
            "Custom",
            Kind::Service,
            pierhead_model::plan::Runtime::Node,
        );
        draft.port(Found::default(8080, "handed over in PORT"));
        return Some(draft);
    }
    choices.output.as_ref()?;
    let because = "nothing was recognised, but there is an output directory";
    let runtime = match choices.build {
        Some(_) => pierhead_model::plan::Runtime::Node,
        None => pierhead_model::plan::Runtime::Static,
    };
    Some(Draft::new(found(because), "Custom", Kind::Site, runtime))
}

fn nothing(source: &Source<'_>, facts: &Facts<'_>, depth: Depth) -> DetectError {
    if let Some(file) = compose::find(facts) {
        return DetectError::ComposeOnly { services: compose::services(facts, &file), file };
    }
    let candidates = if depth == Depth::Whole { candidates::find(source, facts.root()) } else { Vec::new() };
    let mut looked_for = vec!["Dockerfile", "compose.yaml"];
    looked_for.extend(PROVIDERS.iter().map(|provider| provider.looks_for));
    DetectError::NothingRecognised { root_directory: facts.root().to_owned(), looked_for, candidates }
}

/// Shared by the ecosystems whose projects carry a front end: install and build of a `package.json` besides their own.
pub(crate) fn with_assets(facts: &Facts<'_>, draft: &mut Draft) {
    let Some(assets) = node::assets(facts) else { return };
    let plan = &mut draft.plan;
    let chain = |own: &Option<String>, more: String| match own {
        Some(own) => format!("{own} && {more}"),
        None => more,
    };
    let install = chain(&plan.install_command, assets.install);
    let build = chain(&plan.build_command, assets.build);
    plan.dependency_inputs.extend(assets.inputs);
    draft.install(
        Found::detected(install, "its own packages, then those of package.json").at("package.json", None),
    );
    draft.build(Found::detected(build, "the `build` script makes the assets").at("package.json", None));
}
