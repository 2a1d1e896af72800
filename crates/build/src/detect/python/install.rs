//! Which installer a Python project uses, and the command that fills `.venv` with it.

use crate::draft::{Draft, Found};
use crate::facts::Facts;

use super::requirements::{REQUIREMENT_FILES, Requirements};

const VENV: &str = "python3 -m venv .venv";

/// A command of an installer that is not part of the runtime image: it is put beside the project, so that its own packages
/// never mix with the project's.
fn tool(name: &str, command: &str) -> String {
    format!(
        "python3 -m venv /tmp/tools && /tmp/tools/bin/pip install {name} && /tmp/tools/bin/{name} {command}"
    )
}

/// Sets installer, command and the files that decide what is installed; `added` are packages the project does not list.
pub(crate) fn install(facts: &Facts<'_>, requirements: &Requirements, added: &[&str], draft: &mut Draft) {
    let (manager, command, file) = command(facts, requirements);
    let mut packages: Vec<&str> = Vec::new();
    for package in added {
        if !packages.contains(package) {
            packages.push(package);
        }
    }
    let uses_pip = command.starts_with(VENV);
    let command = match (packages.is_empty(), command.is_empty()) {
        (true, _) => command,
        (false, true) => format!("{VENV} && .venv/bin/pip install {}", packages.join(" ")),
        (false, false) if uses_pip => format!("{command} && .venv/bin/pip install {}", packages.join(" ")),
        // Environments that these installers make hold no pip of their own.
        (false, false) => format!(
            "{command} && /tmp/tools/bin/pip --python .venv/bin/python install {}",
            packages.join(" ")
        ),
    };
    let command = if command.is_empty() { VENV.to_owned() } else { command };
    let because = match file {
        Some(file) => format!("{manager} installs what {file} says"),
        None => "nothing says what is needed".to_owned(),
    };
    let because = match packages.is_empty() {
        true => because,
        false => format!("{because}, and {} besides", packages.join(", ")),
    };
    let found = Found::detected(command, because);
    let name = Found::detected(
        manager.to_owned(),
        match file {
            Some(file) => format!("there is {file}"),
            None => "the default".to_owned(),
        },
    );
    match file {
        Some(file) => {
            draft.install(found.at(file, None));
            draft.package_manager(name.at(file, None));
        }
        None => {
            draft.install(found);
            draft.package_manager(name);
        }
    }
    match manager {
        "poetry" => draft.variable("POETRY_VIRTUALENVS_IN_PROJECT", "true"),
        "pipenv" => draft.variable("PIPENV_VENV_IN_PROJECT", "1"),
        "uv" => draft.variable("UV_LINK_MODE", "copy"),
        _ => {}
    }
    draft.plan.dependency_inputs = inputs(facts, requirements);
}

fn command(facts: &Facts<'_>, requirements: &Requirements) -> (&'static str, String, Option<&'static str>) {
    let pyproject = "pyproject.toml";
    let listed = REQUIREMENT_FILES.iter().find(|file| facts.has(file));
    if facts.has("uv.lock") {
        return ("uv", tool("uv", "sync --locked --no-dev"), Some("uv.lock"));
    }
    if facts.has("poetry.lock") {
        let root = if is_installable(facts, requirements) { "" } else { " --no-root" };
        let command = tool("poetry", &format!("install --no-interaction --no-ansi --only main{root}"));
        return ("poetry", command, Some("poetry.lock"));
    }
    if facts.has("pdm.lock") {
        return ("pdm", tool("pdm", "install --check --prod"), Some("pdm.lock"));
    }
    if facts.has("Pipfile.lock") {
        return ("pipenv", tool("pipenv", "install --deploy"), Some("Pipfile.lock"));
    }
    if let Some(file) = listed {
        return ("pip", format!("{VENV} && .venv/bin/pip install -r {file}"), Some(file));
    }
    if facts.has("Pipfile") {
        return ("pipenv", tool("pipenv", "install"), Some("Pipfile"));
    }
    if facts.has(pyproject) && requirements.files.iter().any(|file| file == pyproject) {
        // Without a build system the project is an application, not a package: only what it depends on is installed.
        let is_package = requirements.is_package && !requirements.is_application;
        if is_package && is_installable(facts, requirements) {
            return ("pip", format!("{VENV} && .venv/bin/pip install ."), Some(pyproject));
        }
        if requirements.is_poetry {
            let command = tool("poetry", "install --no-interaction --no-ansi --only main --no-root");
            return ("poetry", command, Some(pyproject));
        }
        let command =
            tool("uv", "venv .venv --allow-existing && /tmp/tools/bin/uv pip install -r pyproject.toml");
        return ("uv", command, Some(pyproject));
    }
    if facts.has("setup.py") {
        return ("pip", format!("{VENV} && .venv/bin/pip install ."), Some("setup.py"));
    }
    ("pip", String::new(), None)
}

/// Whether the project's own package is where its build system looks for it.
fn is_installable(facts: &Facts<'_>, requirements: &Requirements) -> bool {
    if requirements.is_application {
        return false;
    }
    let Some(name) = &requirements.project else { return false };
    let module = name.replace(['-', '.'], "_").to_ascii_lowercase();
    ["", "src/"].iter().any(|folder| {
        facts.has_folder(&format!("{folder}{module}")) || facts.has(&format!("{folder}{module}.py"))
    })
}

fn inputs(facts: &Facts<'_>, requirements: &Requirements) -> Vec<String> {
    const NAMES: &[&str] = &[
        "pyproject.toml",
        "uv.lock",
        "uv.toml",
        "poetry.lock",
        "poetry.toml",
        "pdm.lock",
        "Pipfile",
        "Pipfile.lock",
        "setup.py",
        "setup.cfg",
        "constraints.txt",
        ".python-version",
    ];
    let is_list =
        |file: &&str| file.starts_with("requirements") && (file.ends_with(".txt") || file.ends_with(".in"));
    let mut inputs: Vec<String> =
        NAMES.iter().filter(|file| facts.has(file)).map(|file| (*file).to_owned()).collect();
    inputs.extend(facts.files().filter(is_list).map(str::to_owned));
    inputs.extend(requirements.files.iter().cloned());
    inputs
}
