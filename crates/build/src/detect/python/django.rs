//! Django: the project's package from `manage.py` and its settings, the server, static files, migrations.

use crate::draft::{Draft, Found};
use crate::facts::Facts;
use crate::text::{self, Literal};

use super::requirements::Requirements;

struct Settings {
    file: Option<String>,
    contents: String,
}

/// The settings module that `manage.py` names, as a file; a package of settings has its production module read.
fn settings(facts: &Facts<'_>) -> Settings {
    let module = facts
        .text("manage.py")
        .and_then(|manage| text::captured(&manage, r#"DJANGO_SETTINGS_MODULE["']\s*,\s*["']([\w.]+)["']"#));
    let from_manage = module.map(|module| module.value.replace('.', "/")).and_then(|base| {
        let files = [format!("{base}.py"), format!("{base}/base.py"), format!("{base}/__init__.py")];
        files.into_iter().find(|file| facts.has(file))
    });
    let file = from_manage
        .or_else(|| facts.files().find(|file| file.ends_with("/settings.py")).map(str::to_owned))
        .or_else(|| facts.files().find(|file| file.ends_with("/settings/base.py")).map(str::to_owned));
    let contents =
        file.as_deref().and_then(|file| facts.text(file)).map(|text| text.to_string()).unwrap_or_default();
    Settings { file, contents }
}

pub(crate) fn start(
    facts: &Facts<'_>,
    requirements: &Requirements,
    draft: &mut Draft,
    added: &mut Vec<&str>,
) {
    let settings = settings(facts);
    let setting = |name: &str| text::js_string(&settings.contents, name);
    let is_async = requirements.has("channels") || requirements.has("daphne") || requirements.has("uvicorn");
    let asgi = setting("ASGI_APPLICATION").filter(|_| is_async && !requirements.has("gunicorn"));
    let (interface, found) = match asgi {
        Some(asgi) => ("asgi", Some(asgi)),
        None => ("wsgi", setting("WSGI_APPLICATION")),
    };
    let guessed = || {
        let wanted = format!("/{interface}.py");
        let file = facts.files().find(|file| file.ends_with(&wanted) && file.split('/').count() == 2)?;
        let package = file.split('/').next()?;
        Some(Literal { value: format!("{package}.{interface}.application"), line: 1 })
    };
    let Some(application) = found.or_else(guessed) else {
        draft.warn("no WSGI_APPLICATION in the settings: set a start command, such as `gunicorn <package>.wsgi:application`");
        return;
    };
    let target = match application.value.rsplit_once('.') {
        Some((module, object)) if !application.value.contains(':') => format!("{module}:{object}"),
        _ => application.value.clone(),
    };
    if !target.chars().all(|c| c.is_ascii_alphanumeric() || "._:".contains(c)) {
        draft.warn("WSGI_APPLICATION in the settings is not a module's name: set a start command");
        return;
    }
    let server = match interface {
        "asgi" if requirements.has("daphne") => "daphne",
        "asgi" => "uvicorn",
        _ => "gunicorn",
    };
    if !requirements.has(server) {
        added.push(server);
        draft.warn(format!("{server} is not a dependency; it is installed to run Django"));
    }
    let command = match server {
        "daphne" => format!(".venv/bin/daphne -b 0.0.0.0 -p $PORT {target}"),
        "uvicorn" => format!(".venv/bin/uvicorn {target} --host 0.0.0.0 --port $PORT"),
        _ => format!(".venv/bin/gunicorn {target} --bind 0.0.0.0:$PORT"),
    };
    let file = settings.file.clone().unwrap_or_else(|| "manage.py".to_owned());
    let name = if interface == "asgi" { "ASGI_APPLICATION" } else { "WSGI_APPLICATION" };
    draft.start(Found::detected(command, format!("`{name}` in {file}")).at(file, Some(application.line)));
    advise(&settings, draft);
}

/// Static files are collected when the settings say where to.
pub(crate) fn build(facts: &Facts<'_>, draft: &mut Draft) {
    let settings = settings(facts);
    let line = text::captured(&settings.contents, r"(?m)^\s*(STATIC_ROOT)\s*=").map(|found| found.line);
    let Some(line) = line.filter(|_| facts.has("manage.py")) else { return };
    let command = ".venv/bin/python manage.py collectstatic --noinput";
    let file = settings.file.unwrap_or_default();
    draft.build(Found::detected(command.to_owned(), format!("`STATIC_ROOT` in {file}")).at(file, Some(line)));
}

fn advise(settings: &Settings, draft: &mut Draft) {
    draft.suggest("migrations are not run by themselves: set the release command to `.venv/bin/python manage.py migrate`");
    let file = settings.file.as_deref().unwrap_or("the settings");
    if text::captured(&settings.contents, r"(?m)^(ALLOWED_HOSTS)\s*=\s*\[\s*\]").is_some() {
        draft.warn(format!("ALLOWED_HOSTS is empty in {file}: outside of localhost Django answers 400 until the host is listed"));
    }
    if text::captured(&settings.contents, r"(?m)^(DEBUG)\s*=\s*True").is_some() {
        draft.warn(format!("DEBUG is True in {file}: errors show code and settings to every visitor"));
    }
    if settings.contents.contains("sqlite3") {
        draft.suggest(
            "SQLite lives in the container and is lost with it: connect a database, or add a volume",
        );
    }
}
