//! Files of other tools that are honoured: `Procfile`, `netlify.toml`, `vercel.json`, `Staticfile`.
//!
//! They come after what the project says to us and before what is detected. What they cannot mean here (functions, edge
//! code, packages of another platform) is a warning and not silence.

use pierhead_model::plan::Origin;
use serde_json::Value;

use crate::choices::Choices;
use crate::draft::Found;
use crate::error::DetectError;
use crate::facts::Facts;
use crate::source::path;
use crate::text;

/// Everything that other tools' files decide, nearest first.
pub(crate) fn choices(facts: &Facts<'_>) -> Result<Choices, DetectError> {
    Ok(procfile(facts)?.or(vercel(facts)?).or(netlify(facts)?).or(staticfile(facts)).or(app_json(facts)))
}

fn found<T>(value: T, file: &str, what: &str, line: Option<u32>) -> Found<T> {
    Found::new(value, Origin::ForeignFile, format!("`{what}` in {file}")).at(file, line)
}

/// `name: command` per line; `web` is public, `release` runs once before traffic moves, the rest are workers.
fn procfile(facts: &Facts<'_>) -> Result<Choices, DetectError> {
    let mut choices = Choices::default();
    let Some(contents) = facts.manifest("Procfile")? else { return Ok(choices) };
    let mut names: Vec<&str> = Vec::new();
    for (number, line) in (1u32..).zip(contents.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("//") {
            continue;
        }
        let invalid = |message: &str| DetectError::InvalidManifest {
            file: "Procfile".to_owned(),
            line: number,
            message: message.to_owned(),
        };
        let (name, command) = line.split_once(':').ok_or_else(|| invalid("a line is `name: command`"))?;
        let (name, command) = (name.trim(), command.trim());
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 63 || !name.chars().all(fits) {
            return Err(invalid("a name has 1 to 63 letters, digits, `-` or `_`"));
        }
        if command.is_empty() {
            return Err(invalid("the command is missing"));
        }
        if names.contains(&name) {
            return Err(invalid("this name stands twice"));
        }
        names.push(name);
        let command = found(command.to_owned(), "Procfile", name, Some(number));
        match name {
            "web" => choices.start = Some(command),
            "release" => choices.release = Some(command),
            other => {
                let label = other.to_ascii_lowercase().replace('_', "-");
                if choices.processes.insert(label, command.value).is_some() {
                    return Err(invalid("this name stands twice once it is a host name"));
                }
            }
        }
    }
    Ok(choices)
}

fn vercel(facts: &Facts<'_>) -> Result<Choices, DetectError> {
    const FILE: &str = "vercel.json";
    let mut choices = Choices::default();
    let Some(contents) = facts.manifest(FILE)? else { return Ok(choices) };
    let Ok(Value::Object(settings)) = serde_json::from_str::<Value>(&contents) else {
        choices.warnings.push(format!("{FILE} is not valid JSON and was ignored"));
        return Ok(choices);
    };
    let get = |key: &str| {
        let value = settings.get(key)?.as_str()?.to_owned();
        Some(found(value, FILE, key, text::json_line(&contents, "", key)))
    };
    choices.install = get("installCommand");
    choices.build = get("buildCommand");
    choices.output = get("outputDirectory").and_then(|output| publish_folder(output, &mut choices.warnings));
    choices.framework = get("framework").and_then(|framework| {
        let known = crate::detect::known(vercel_slug(&framework.value))?;
        Some(framework.map(|_| known.to_owned()))
    });
    for key in ["functions", "routes", "builds", "images", "regions"] {
        if settings.contains_key(key) {
            choices.warnings.push(format!("`{key}` in {FILE} has no meaning here and is ignored"));
        }
    }
    Ok(choices)
}

/// Vercel's names where they differ from the usual ones.
fn vercel_slug(slug: &str) -> &str {
    match slug {
        "nuxtjs" => "nuxt",
        "sveltekit-1" => "sveltekit",
        "docusaurus-2" => "docusaurus",
        "solidstart-1" => "solidstart",
        "ionic-angular" | "ionic-react" => slug,
        other => other,
    }
}

fn netlify(facts: &Facts<'_>) -> Result<Choices, DetectError> {
    const FILE: &str = "netlify.toml";
    let mut choices = Choices::default();
    let Some(contents) = facts.manifest(FILE)? else { return Ok(choices) };
    let Ok(settings) = contents.parse::<toml::Table>() else {
        choices.warnings.push(format!("{FILE} is not valid TOML and was ignored"));
        return Ok(choices);
    };
    let build = settings.get("build").and_then(toml::Value::as_table);
    let get = |key: &str| {
        let value = build?.get(key)?.as_str()?.to_owned();
        Some(found(value, FILE, key, text::line_of(&contents, key)))
    };
    choices.build = get("command");
    choices.output = get("publish").and_then(|output| publish_folder(output, &mut choices.warnings));
    let environment = build.and_then(|build| build.get("environment")).and_then(toml::Value::as_table);
    for (name, value) in environment.into_iter().flatten() {
        let Some(value) = value.as_str() else { continue };
        let language = match name.as_str() {
            "NODE_VERSION" => "node",
            "PYTHON_VERSION" => "python",
            "PHP_VERSION" => "php",
            "HUGO_VERSION" => "hugo",
            "RUBY_VERSION" => "ruby",
            "GO_VERSION" => "go",
            _ => {
                choices.variables.insert(name.clone(), value.to_owned());
                continue;
            }
        };
        let version = found(value.to_owned(), FILE, name, text::line_of(&contents, name));
        choices.versions.insert(language.to_owned(), version);
    }
    for key in ["functions", "edge_functions", "plugins"] {
        if settings.contains_key(key) {
            choices.warnings.push(format!("`{key}` in {FILE} has no meaning here and is ignored"));
        }
    }
    Ok(choices)
}

/// The folder that `netlify.toml` says to build in; asked before the root directory is fixed.
pub(crate) fn netlify_base(facts: &Facts<'_>) -> Option<String> {
    let settings: toml::Table = facts.text("netlify.toml")?.parse().ok()?;
    let base = settings.get("build")?.as_table()?.get("base")?.as_str()?;
    path::strict(base.trim_start_matches('/')).filter(|base| base != "." && facts.has_folder(base))
}

/// `root: dir` and `index_fallback`, line by line.
fn staticfile(facts: &Facts<'_>) -> Choices {
    const FILE: &str = "Staticfile";
    let mut choices = Choices::default();
    let Some(contents) = facts.text(FILE) else { return choices };
    for (number, line) in (1u32..).zip(contents.lines()) {
        let Some((key, value)) = line.split_once(':') else { continue };
        match (key.trim(), value.trim()) {
            ("root", folder) => {
                let folder = found(folder.to_owned(), FILE, "root", Some(number));
                choices.output = publish_folder(folder, &mut choices.warnings);
            }
            ("index_fallback" | "pushstate", value) => {
                let single = matches!(value, "true" | "enabled");
                choices.single_page = Some(found(single, FILE, key.trim(), Some(number)));
            }
            _ => {}
        }
    }
    choices
}

/// Heroku's manifest, unless the file is Expo's.
fn app_json(facts: &Facts<'_>) -> Choices {
    const FILE: &str = "app.json";
    const HEROKU: &[&str] =
        &["env", "formation", "cron", "healthchecks", "scripts", "buildpacks", "addons", "stack"];
    let mut choices = Choices::default();
    let Some(Value::Object(manifest)) = facts.text(FILE).and_then(|text| serde_json::from_str(&text).ok())
    else {
        return choices;
    };
    if manifest.contains_key("expo") || !HEROKU.iter().any(|key| manifest.contains_key(*key)) {
        return choices;
    }
    let names = |key: &str| match manifest.get(key) {
        Some(Value::Object(map)) => map.keys().cloned().collect::<Vec<_>>(),
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(|entry| entry.as_str().or_else(|| entry.get("plan")?.as_str()).map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    };
    for variable in names("env") {
        choices.suggestions.push(format!("{FILE} asks for the variable {variable}"));
    }
    for addon in names("addons") {
        choices
            .suggestions
            .push(format!("{FILE} asks for the add-on {addon}: connect a database or service for it"));
    }
    choices
}

/// Other platforms read a leading slash as "from the repository"; what still leaves the project is dropped, loudly.
fn publish_folder(folder: Found<String>, warnings: &mut Vec<String>) -> Option<Found<String>> {
    match path::strict(folder.value.trim_start_matches('/')) {
        Some(inside) => Some(folder.map(|_| inside)),
        None => {
            let file = folder.file.unwrap_or_default();
            warnings.push(format!(
                "the folder {:?} in {file} points outside of the project and was ignored",
                folder.value
            ));
            None
        }
    }
}
