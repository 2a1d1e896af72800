//! The module and the object that a Python server is given.

use std::collections::BTreeMap;

use regex::Regex;

use crate::facts::Facts;
use crate::source::path;
use crate::text;

/// Names of files that are looked into, in this order, and the folders they are looked for in.
const NAMES: &[&str] =
    &["main", "app", "wsgi", "asgi", "server", "index", "application", "run", "api", "__init__"];
const FOLDERS: &[&str] = &[".", "src", "app", "api", "backend", "server", "src/app", "src/api"];
/// Files in the root directory that are run as they are.
const SCRIPTS: &[&str] = &[
    "main.py",
    "app.py",
    "start.py",
    "bot.py",
    "hello.py",
    "server.py",
    "run.py",
    "streamlit_app.py",
    "wsgi.py",
    "asgi.py",
    "application.py",
    "index.py",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) file: String,
    pub(crate) line: u32,
    /// The application's name in the file; empty when the file is run as a script.
    pub(crate) object: String,
    /// The object is a function that makes the application.
    pub(crate) is_factory: bool,
}

impl Entry {
    /// `package.module:object`, as servers write it.
    pub(crate) fn target(&self) -> String {
        let module = self.file.trim_end_matches(".py").trim_end_matches("/__init__").replace('/', ".");
        // `src` is put on the path only when it is no package.
        let object = if self.object.is_empty() { "app" } else { &self.object };
        format!("{module}:{object}")
    }
}

pub(crate) fn scripts(facts: &Facts<'_>) -> Vec<&'static str> {
    SCRIPTS.iter().copied().filter(|file| facts.has(file)).collect()
}

/// Files that could hold the application, likeliest first.
fn files<'f>(facts: &'f Facts<'_>) -> Vec<&'f str> {
    let mut found: Vec<&str> = Vec::new();
    for folder in FOLDERS {
        for name in NAMES {
            let wanted = path::join(folder, &format!("{name}.py"));
            found.extend(facts.files().find(|file| *file == wanted));
        }
    }
    let rest = facts.files().filter(|file| {
        file.ends_with(".py")
            && !file.contains("test")
            && !file.contains("migrations/")
            && path::is_shell_safe(file)
    });
    for file in rest.take(100) {
        if !found.contains(&file) {
            found.push(file);
        }
    }
    found
}

/// Where `object = Constructor(` stands at the beginning of a line, or else the file that would be run.
pub(crate) fn find(facts: &Facts<'_>, constructors: &[&str]) -> Option<Entry> {
    let names: Vec<String> = constructors.iter().map(|name| regex::escape(name)).collect();
    if !names.is_empty() {
        // `app, rt = fast_app()` and `app: FastAPI = FastAPI(` count too.
        let pattern = format!(
            r"(?m)^(\w+)(?:\s*,\s*\w+)*(?:\s*:\s*[\w.\[\]]+)?\s*=\s*(?:\w+\.)?(?:{})\(",
            names.join("|")
        );
        let assigned = Regex::new(&pattern).ok()?;
        let factory =
            Regex::new(r"(?m)^(?:async\s+)?def\s+(create_app|make_app|get_app|build_app)\s*\(\s*\)?").ok()?;
        let called =
            Regex::new(r"(?m)^(\w+)\s*=\s*(?:\w+\.)?(?:create_app|make_app|get_app|build_app)\(").ok()?;
        let mut made = None;
        for file in files(facts) {
            let Some(contents) = facts.text(file) else { continue };
            let entry = |found: regex::Match<'_>| Entry {
                file: file.to_owned(),
                line: text::line_at(&contents, found.start()),
                object: found.as_str().to_owned(),
                is_factory: false,
            };
            let first =
                |pattern: &Regex| pattern.captures(&contents).and_then(|captures| captures.get(1)).map(entry);
            // `app = create_app()` at the top of a file is the usual shape of a factory's caller.
            if let Some(found) = first(&assigned).or_else(|| first(&called)) {
                return Some(found);
            }
            if made.is_none() && constructors.iter().any(|name| contents.contains(&format!("{name}("))) {
                made = first(&factory).map(|entry| Entry {
                    object: format!("{}()", entry.object),
                    is_factory: true,
                    ..entry
                });
            }
        }
        if made.is_some() {
            return made;
        }
    }
    let script = scripts(facts).first().copied()?;
    let file = script.to_owned();
    Some(Entry { file, line: 1, object: String::new(), is_factory: false })
}

/// Every module that the project's files import, and where first.
pub(crate) fn imported(facts: &Facts<'_>) -> BTreeMap<String, (String, u32)> {
    let mut modules = BTreeMap::new();
    let Ok(import) = Regex::new(r"(?m)^\s*(?:from|import)\s+([A-Za-z_]\w{0,60})") else { return modules };
    for file in files(facts) {
        let Some(contents) = facts.text(file) else { continue };
        for found in import.captures_iter(&contents).filter_map(|captures| captures.get(1)).take(200) {
            let place = || (file.to_owned(), text::line_at(&contents, found.start()));
            modules.entry(found.as_str().to_owned()).or_insert_with(place);
        }
    }
    modules
}

/// Packages that the files import, for projects that list none. Only names that are known: an import of a stranger's
/// choosing must not decide what is fetched from a registry.
pub(crate) fn imports(facts: &Facts<'_>) -> Vec<&'static str> {
    const KNOWN: &[(&str, &str)] = &[
        ("fastapi", "fastapi"),
        ("flask", "flask"),
        ("django", "django"),
        ("starlette", "starlette"),
        ("streamlit", "streamlit"),
        ("gradio", "gradio"),
        ("dash", "dash"),
        ("tornado", "tornado"),
        ("aiohttp", "aiohttp"),
        ("bottle", "bottle"),
        ("sanic", "sanic"),
        ("quart", "quart"),
        ("litestar", "litestar"),
        ("falcon", "falcon"),
        ("nicegui", "nicegui"),
        ("fasthtml", "python-fasthtml"),
        ("pydantic", "pydantic"),
        ("sqlmodel", "sqlmodel"),
        ("sqlalchemy", "sqlalchemy"),
        ("flask_sqlalchemy", "flask-sqlalchemy"),
        ("flask_cors", "flask-cors"),
        ("jinja2", "jinja2"),
        ("requests", "requests"),
        ("httpx", "httpx"),
        ("numpy", "numpy"),
        ("pandas", "pandas"),
        ("matplotlib", "matplotlib"),
        ("plotly", "plotly"),
        ("redis", "redis"),
        ("psycopg2", "psycopg2-binary"),
        ("psycopg", "psycopg[binary]"),
        ("pymongo", "pymongo"),
        ("dotenv", "python-dotenv"),
        ("yaml", "pyyaml"),
        ("PIL", "pillow"),
        ("bs4", "beautifulsoup4"),
    ];
    let modules = imported(facts);
    KNOWN.iter().filter(|(module, _)| modules.contains_key(*module)).map(|(_, package)| *package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{MemoryTree, SourceTree};

    fn of(file: &str, contents: &str) -> Option<String> {
        let tree = MemoryTree::new([(file, contents)]);
        find(&Facts::new(&tree, &tree.list(), "."), &["Flask", "FastAPI", "fast_app"])
            .map(|entry| entry.target())
    }

    #[test]
    fn the_object_is_found_where_it_is_made() {
        let table = [
            ("main.py", "app = FastAPI()", Some("main:app")),
            ("src/api/main.py", "api = FastAPI(title='x')", Some("src.api.main:api")),
            ("hello.py", "application: Flask = Flask(__name__)", Some("hello:application")),
            ("pkg/__init__.py", "app = Flask(__name__)", Some("pkg:app")),
            ("main.py", "app, rt = fast_app()", Some("main:app")),
            ("wsgi.py", "from shop import create_app\napp = create_app()", Some("wsgi:app")),
            ("shop/__init__.py", "def create_app():\n    app = Flask(__name__)\n", Some("shop:create_app()")),
            ("lib.py", "x = 1", None),
        ];
        for (file, contents, expected) in table {
            assert_eq!(of(file, contents).as_deref(), expected, "{file}");
        }
    }
}
