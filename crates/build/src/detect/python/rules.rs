//! The table of Python frameworks: how each is recognised and which server runs it.

use crate::facts::Facts;

/// What starts an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Django,
    Gunicorn,
    Uvicorn,
    FastApi,
    Hypercorn,
    Litestar,
    Sanic,
    Aiohttp,
    Dash,
    Pyramid,
    Streamlit,
    Gradio,
    Panel,
    Shiny,
    Marimo,
    Reflex,
    /// It starts itself.
    Script,
    /// It writes files and is served as a site.
    Site,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// Normalised as PEP 503 does; the first is the one to install.
    pub(crate) packages: &'static [&'static str],
    /// The imported module when it is not called like the package.
    imported: &'static str,
    /// Constructors whose result is the application.
    pub(crate) objects: &'static [&'static str],
    pub(crate) server: Server,
    pub(crate) port: u16,
    /// For sites: files that are enough to recognise one, the command, and where it writes.
    pub(crate) configs: &'static [&'static str],
    pub(crate) build: &'static str,
    pub(crate) output: &'static str,
}

const fn rule(
    id: &'static str,
    name: &'static str,
    packages: &'static [&'static str],
    objects: &'static [&'static str],
    server: Server,
    port: u16,
) -> Rule {
    Rule { id, name, packages, imported: "", objects, server, port, configs: &[], build: "", output: "" }
}

const fn site(
    id: &'static str,
    name: &'static str,
    configs: &'static [&'static str],
    build: &'static str,
    output: &'static str,
) -> Rule {
    Rule { configs, build, output, ..rule(id, name, &[], &[], Server::Site, 0) }
}

impl Rule {
    const fn imported(self, imported: &'static str) -> Self {
        Self { imported, ..self }
    }

    const fn packages(self, packages: &'static [&'static str]) -> Self {
        Self { packages, ..self }
    }

    /// The module that a project imports.
    pub(crate) fn module(&self) -> &'static str {
        match (self.imported, self.packages.first()) {
            ("", Some(package)) => package,
            (imported, _) => imported,
        }
    }

    /// A dependency alone does not make these: a site generator needs its configuration, a Django one its `manage.py`.
    pub(crate) fn is_plausible(&self, facts: &Facts<'_>) -> bool {
        match self.server {
            Server::Site => self.configs.iter().any(|config| facts.has(config)),
            Server::Django => {
                facts.has("manage.py") || facts.files().any(|file| file.ends_with("/settings.py"))
            }
            _ => true,
        }
    }
}

/// More specific ones first: FastAPI is built on Starlette, Dash and many dashboards on Flask.
pub(crate) const RULES: &[Rule] = &[
    rule("wagtail", "Wagtail", &["wagtail"], &[], Server::Django, 8000),
    rule("django-cms", "django CMS", &["django-cms"], &[], Server::Django, 8000).imported("cms"),
    rule("mezzanine", "Mezzanine", &["mezzanine"], &[], Server::Django, 8000),
    rule("django", "Django", &["django"], &[], Server::Django, 8000),
    rule("reflex", "Reflex", &["reflex"], &[], Server::Reflex, 3000),
    rule("streamlit", "Streamlit", &["streamlit"], &[], Server::Streamlit, 8501),
    rule("gradio", "Gradio", &["gradio"], &[], Server::Gradio, 7860),
    rule("dash", "Dash", &["dash"], &["Dash", "dash.Dash"], Server::Dash, 8050),
    rule("panel", "Panel", &["panel"], &[], Server::Panel, 5006),
    rule("shiny", "Shiny", &["shiny"], &["App"], Server::Shiny, 8000),
    rule("marimo", "marimo", &["marimo"], &[], Server::Marimo, 2718),
    rule("nicegui", "NiceGUI", &["nicegui"], &[], Server::Script, 8080),
    rule("fasthtml", "FastHTML", &["python-fasthtml"], &["FastHTML", "fast_app"], Server::Uvicorn, 8000)
        .imported("fasthtml"),
    rule("fastapi", "FastAPI", &["fastapi"], &["FastAPI", "fastapi.FastAPI"], Server::FastApi, 8000),
    rule("litestar", "Litestar", &["litestar"], &["Litestar"], Server::Litestar, 8000),
    rule("quart", "Quart", &["quart"], &["Quart"], Server::Hypercorn, 8000),
    rule("blacksheep", "BlackSheep", &["blacksheep"], &["Application"], Server::Uvicorn, 8000),
    rule("flask", "Flask", &["flask"], &["Flask", "flask.Flask"], Server::Gunicorn, 8000),
    rule("sanic", "Sanic", &["sanic"], &["Sanic"], Server::Sanic, 8000),
    rule("starlette", "Starlette", &["starlette"], &["Starlette"], Server::Uvicorn, 8000),
    rule("falcon", "Falcon", &["falcon"], &["falcon.App", "falcon.API", "App"], Server::Gunicorn, 8000),
    rule("pyramid", "Pyramid", &["pyramid"], &["config.make_wsgi_app"], Server::Pyramid, 6543),
    rule(
        "bottle",
        "Bottle",
        &["bottle"],
        &["Bottle", "bottle.Bottle", "bottle.default_app", "default_app"],
        Server::Gunicorn,
        8080,
    ),
    rule("cherrypy", "CherryPy", &["cherrypy"], &[], Server::Script, 8080),
    rule("aiohttp", "aiohttp", &["aiohttp"], &["web.Application"], Server::Aiohttp, 8080),
    rule("tornado", "Tornado", &["tornado"], &[], Server::Script, 8888),
    site("mkdocs", "MkDocs", &["mkdocs.yml", "mkdocs.yaml"], "mkdocs build", "site")
        .packages(&["mkdocs", "mkdocs-material"]),
    site("pelican", "Pelican", &["pelicanconf.py"], "pelican content", "output").packages(&["pelican"]),
    site("nikola", "Nikola", &["conf.py"], "nikola build", "output").packages(&["nikola"]),
    site(
        "sphinx",
        "Sphinx",
        &["docs/conf.py", "docs/source/conf.py", "source/conf.py", "conf.py"],
        "",
        "docs/_build/html",
    )
    .packages(&["sphinx"]),
];
