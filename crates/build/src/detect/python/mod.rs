//! Python projects: the framework, the server that runs it, and the environment that both are installed into.
//!
//! The virtual environment lies in `.venv` beside the source, and every command names it, so nothing depends on what is
//! activated. A server that the project does not list is added to what is installed, and the plan says so.
//!
//! | file | idea |
//! | --- | --- |
//! | `rules` | the table |
//! | `requirements` | what is depended on, whichever file says it |
//! | `install` | which installer, and its commands |
//! | `entry` | the module and the object that a server is given |
//! | `django` | what `manage.py` and the settings say |
//! | `version` | which Python |

mod django;
mod entry;
mod install;
mod requirements;
pub(crate) mod rules;
mod version;

use pierhead_model::plan::{Kind, Runtime};

use self::entry::Entry;
use self::requirements::Requirements;
use self::rules::{Rule, Server};
use super::Context;
use crate::draft::{Draft, Found};
use crate::error::DetectError;
use crate::facts::Facts;

pub(crate) fn id(framework: &str) -> Option<&'static str> {
    let generic = ["python", "python-worker"].into_iter().find(|id| *id == framework);
    rules::RULES.iter().map(|rule| rule.id).find(|id| *id == framework).or(generic)
}

const MANIFESTS: &[&str] =
    &["requirements.txt", "pyproject.toml", "Pipfile", "uv.lock", "setup.py", "requirements", "manage.py"];

pub(crate) fn detect(context: &Context<'_, '_>) -> Result<Option<Draft>, DetectError> {
    let facts = context.facts;
    let manifest =
        MANIFESTS.iter().find(|file| facts.has(file) || facts.has(&format!("{file}/production.txt")));
    let scripts = entry::scripts(facts);
    if manifest.is_none() && scripts.is_empty() && context.forced.is_none() {
        return Ok(None);
    }
    let requirements = requirements::read(facts)?;
    // Tools for a repository in another language come as Python requirements too: something must be there to run.
    let is_only_tools = facts.has("package.json") && scripts.is_empty() && !facts.has("manage.py");
    let Some((rule, evidence)) = choose(context, &requirements) else {
        if is_only_tools {
            return Ok(None);
        }
        return Ok(generic(context, &requirements, &scripts));
    };
    Ok(Some(plan(context, &requirements, rule, evidence)))
}

/// The first rule whose package is required, then the first whose package is imported by a file in the root directory.
fn choose(context: &Context<'_, '_>, requirements: &Requirements) -> Option<(&'static Rule, Found<()>)> {
    let facts = context.facts;
    if let Some(forced) = context.forced {
        let rule = rules::RULES.iter().find(|rule| rule.id == forced)?;
        return Some((rule, Found::default((), "chosen explicitly")));
    }
    let required = rules::RULES.iter().find_map(|rule| {
        if !rule.is_plausible(facts) {
            return None;
        }
        let package = rule.packages.iter().find(|package| requirements.has(package))?;
        let (file, line) = requirements.place(package);
        Some((rule, Found::detected((), format!("`{package}` is a dependency in {file}")).at(file, line)))
    });
    let django = || {
        let rule = rules::RULES.iter().find(|rule| rule.id == "django")?;
        let is_django = facts.contains("manage.py", "DJANGO_SETTINGS_MODULE");
        is_django.then(|| (rule, Found::detected((), "manage.py runs Django").at("manage.py", None)))
    };
    let imported = || {
        let modules = entry::imported(facts);
        rules::RULES.iter().filter(|rule| rule.is_plausible(facts)).find_map(|rule| {
            let (file, line) = modules.get(rule.module()).filter(|_| !rule.module().is_empty())?;
            Some((
                rule,
                Found::detected((), format!("{file} imports `{}`", rule.module())).at(file, Some(*line)),
            ))
        })
    };
    let site = || {
        rules::RULES.iter().filter(|rule| rule.server == Server::Site).find_map(|rule| {
            let config = rule.configs.iter().find(|config| facts.has(config))?;
            // Nikola's `conf.py` is called like Sphinx's.
            let is_other = rule.id == "nikola" && !facts.contains(config, "BLOG_TITLE");
            if is_other {
                return None;
            }
            // Documentation beside a program is not what is deployed.
            entry::scripts(facts).is_empty().then_some(())?;
            Some((rule, Found::detected((), format!("there is {config}")).at(*config, None)))
        })
    };
    required.or_else(django).or_else(imported).or_else(site)
}

fn plan(
    context: &Context<'_, '_>,
    requirements: &Requirements,
    rule: &'static Rule,
    evidence: Found<()>,
) -> Draft {
    let facts = context.facts;
    let kind = if rule.server == Server::Site { Kind::Site } else { Kind::Service };
    let version = rule.packages.iter().find_map(|package| requirements.major_minor(package));
    let name = version.map_or_else(|| rule.name.to_owned(), |version| format!("{} {version}", rule.name));
    let mut draft = Draft::new(evidence.map(|()| rule.id), name, kind, Runtime::Python);
    base(context, &mut draft);
    let entry = entry::find(facts, rule.objects);
    let mut added: Vec<&str> = Vec::new();
    if !rule.packages.iter().any(|package| requirements.has(package)) {
        added.push(rule.packages.first().copied().unwrap_or(rule.id));
    }
    match rule.server {
        Server::Django => django::start(facts, requirements, &mut draft, &mut added),
        Server::Site => site(facts, rule, &mut draft),
        server => start(facts, requirements, rule, server, entry.as_ref(), &mut draft, &mut added),
    }
    if requirements.files.is_empty() {
        added.extend(entry::imports(facts));
        draft.warn("no requirements.txt or pyproject.toml: what the code imports is installed, in its newest version");
    }
    if kind == Kind::Service {
        draft.kind(&Found::detected(Kind::Service, format!("{} answers requests", rule.name)));
        draft.port(Found::default(rule.port, format!("{}'s usual port, handed over in PORT", rule.name)));
    }
    install::install(facts, requirements, &added, &mut draft);
    if rule.server == Server::Django {
        django::build(facts, &mut draft);
    }
    if kind == Kind::Service {
        super::with_assets(facts, &mut draft);
    }
    suggest(requirements, &mut draft);
    draft
}

fn base(context: &Context<'_, '_>, draft: &mut Draft) {
    version::detect(context.facts, context.choices.version("python"), draft);
    for (name, value) in [
        // A Procfile or a person writes `gunicorn …`, as if the environment were activated.
        ("PATH", "/app/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("PYTHONUNBUFFERED", "1"),
        ("PYTHONFAULTHANDLER", "1"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
    ] {
        draft.variable(name, value);
    }
}

fn start(
    facts: &Facts<'_>,
    requirements: &Requirements,
    rule: &'static Rule,
    server: Server,
    entry: Option<&Entry>,
    draft: &mut Draft,
    added: &mut Vec<&str>,
) {
    let Some(entry) = entry else {
        draft.warn(format!(
            "no file creates a {} application: set a start command, such as `{}`",
            rule.name,
            command(server, "main:app", "main.py", requirements)
        ));
        return;
    };
    if entry.is_factory && server == Server::Script {
        draft.warn(format!("{} makes its application in a function: set a start command", entry.file));
    }
    for package in needed(server, requirements) {
        if !requirements.has(package) {
            added.push(package);
            draft.warn(format!("{package} is not a dependency; it is installed to run {}", rule.name));
        }
    }
    let target = match (entry.is_factory, server) {
        (true, Server::Uvicorn | Server::FastApi) => entry.target().replace("()", " --factory"),
        (true, _) => format!("'{}'", entry.target()),
        (false, _) => entry.target(),
    };
    let server = if entry.is_factory && server == Server::FastApi { Server::Uvicorn } else { server };
    let mut command = command(server, &target, &entry.file, requirements);
    if server == Server::Aiohttp && entry.object.is_empty() {
        command = format!(".venv/bin/python {}", entry.file);
    }
    let because = match entry.object.as_str() {
        "" => format!("{} is the file to run", entry.file),
        object => format!("`{object}` in {}", entry.file),
    };
    draft.start(Found::detected(command, because).at(&*entry.file, Some(entry.line)));
    let development = facts.text(&entry.file).is_some_and(|text| text.contains("127.0.0.1"));
    if server == Server::Script && development {
        draft.warn(format!(
            "{} names 127.0.0.1: a service must listen on 0.0.0.0 and on the port in PORT",
            entry.file
        ));
    }
}

fn needed(server: Server, requirements: &Requirements) -> &'static [&'static str] {
    match server {
        Server::Gunicorn | Server::Dash | Server::Aiohttp => &["gunicorn"],
        Server::FastApi if requirements.has_extra("fastapi", "standard") => &[],
        Server::Uvicorn | Server::FastApi => &["uvicorn"],
        Server::Hypercorn => &["hypercorn"],
        Server::Django
        | Server::Site
        | Server::Script
        | Server::Sanic
        | Server::Litestar
        | Server::Pyramid
        | Server::Streamlit
        | Server::Gradio
        | Server::Panel
        | Server::Shiny
        | Server::Marimo
        | Server::Reflex => &[],
    }
}

fn command(server: Server, target: &str, file: &str, requirements: &Requirements) -> String {
    let bin = ".venv/bin";
    match server {
        Server::Gunicorn => format!("{bin}/gunicorn {target} --bind 0.0.0.0:$PORT"),
        Server::Dash => format!("{bin}/gunicorn {} --bind 0.0.0.0:$PORT", target.replace(":app", ":server")),
        Server::Aiohttp => {
            format!("{bin}/gunicorn {target} --bind 0.0.0.0:$PORT --worker-class aiohttp.GunicornWebWorker")
        }
        Server::FastApi if requirements.has_extra("fastapi", "standard") => {
            format!("{bin}/fastapi run {file} --host 0.0.0.0 --port $PORT")
        }
        Server::Uvicorn | Server::FastApi => format!("{bin}/uvicorn {target} --host 0.0.0.0 --port $PORT"),
        Server::Hypercorn => format!("{bin}/hypercorn {target} --bind 0.0.0.0:$PORT"),
        Server::Litestar => format!("{bin}/litestar --app {target} run --host 0.0.0.0 --port $PORT"),
        Server::Sanic => format!("{bin}/sanic {target} --host 0.0.0.0 --port $PORT"),
        Server::Pyramid => format!("{bin}/pserve production.ini http_port=$PORT"),
        Server::Streamlit => {
            format!(
                "{bin}/streamlit run {file} --server.port $PORT --server.address 0.0.0.0 --server.headless true"
            )
        }
        Server::Gradio => format!("GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=$PORT {bin}/python {file}"),
        Server::Panel => {
            format!("{bin}/panel serve {file} --address 0.0.0.0 --port $PORT --allow-websocket-origin='*'")
        }
        Server::Shiny => format!("{bin}/shiny run {file} --host 0.0.0.0 --port $PORT"),
        Server::Marimo => format!("{bin}/marimo run {file} --host 0.0.0.0 --port $PORT --headless"),
        Server::Reflex => format!("{bin}/reflex run --env prod --single-port --backend-port $PORT"),
        Server::Script | Server::Django | Server::Site => format!("{bin}/python {file}"),
    }
}

fn site(facts: &Facts<'_>, rule: &'static Rule, draft: &mut Draft) {
    let (build, output) = match rule.id {
        "sphinx" => {
            let source = ["docs/source", "docs", "source", "."]
                .into_iter()
                .find(|folder| facts.has(&crate::source::path::join(folder, "conf.py")));
            let source = source.unwrap_or("docs");
            let output = crate::source::path::join(source, "_build/html");
            (format!(".venv/bin/sphinx-build -b html {source} {output}"), output)
        }
        _ => (format!(".venv/bin/{}", rule.build), rule.output.to_owned()),
    };
    draft.kind(&Found::detected(Kind::Site, format!("{} writes pages ahead of time", rule.name)));
    draft.build(Found::detected(build, format!("{}'s build command", rule.name)));
    draft.output(Found::detected(output, format!("{} writes there", rule.name)));
}

/// No framework: the first of the usual files, or the project as a module.
fn generic(
    context: &Context<'_, '_>,
    requirements: &Requirements,
    scripts: &[&'static str],
) -> Option<Draft> {
    let facts = context.facts;
    let worker =
        ["celery", "dramatiq", "rq", "arq", "discord-py", "python-telegram-bot", "aiogram", "slack-bolt"]
            .into_iter()
            .find(|package| requirements.has(package));
    let module = requirements.project.as_deref().map(|name| name.replace('-', "_")).filter(|module| {
        facts.has(&format!("{module}/__main__.py")) || facts.has(&format!("src/{module}/__main__.py"))
    });
    let file = scripts.first().copied();
    if file.is_none()
        && module.is_none()
        && worker.is_none()
        && context.choices.start.is_none()
        && context.forced.is_none()
    {
        return None;
    }
    let evidence = match (requirements.files.first(), file) {
        (Some(manifest), _) => Found::detected("python", format!("there is {manifest}")).at(manifest, None),
        (None, Some(file)) => Found::detected("python", format!("there is {file}")).at(file, None),
        (None, None) => Found::default("python", "chosen explicitly"),
    };
    let mut draft = Draft::new(evidence, "Python", Kind::Service, Runtime::Python);
    base(context, &mut draft);
    let mut added = Vec::new();
    if requirements.files.is_empty() {
        added.extend(entry::imports(facts));
        if !added.is_empty() {
            draft.warn("no requirements.txt or pyproject.toml: what the code imports is installed, in its newest version");
        }
    }
    install::install(facts, requirements, &added, &mut draft);
    if let Some(file) = file {
        let command = format!(".venv/bin/python {file}");
        draft.start(Found::detected(command, format!("{file} is the file to run")).at(file, None));
    } else if let Some(module) = module {
        draft.start(Found::detected(
            format!(".venv/bin/python -m {module}"),
            "the project is a module that can be run",
        ));
    }
    match worker {
        Some(worker) => {
            draft.no_port(&format!("{worker} takes work from elsewhere: a worker without a health check"))
        }
        None => draft.port(Found::default(8000, "handed over in PORT")),
    }
    suggest(requirements, &mut draft);
    Some(draft)
}

/// Databases that the dependencies talk to, and distribution packages that they need.
fn suggest(requirements: &Requirements, draft: &mut Draft) {
    const NEEDS: &[(&[&str], &str)] = &[
        (&["psycopg", "psycopg2", "psycopg2-binary", "asyncpg"], "connect a PostgreSQL database"),
        (&["mysqlclient", "pymysql", "aiomysql"], "connect a MySQL database"),
        (&["redis", "celery"], "connect a Redis database"),
        (&["pymongo", "motor"], "connect a MongoDB database"),
        (&["pdf2image"], "add the package poppler-utils"),
        (&["pydub"], "add the package ffmpeg"),
        (&["pycairo"], "add the package libcairo2"),
    ];
    for (packages, need) in NEEDS {
        if let Some(package) = packages.iter().find(|package| requirements.has(package)) {
            draft.suggest(format!("{package} is a dependency: {need}"));
        }
    }
}
