//! Tools and generators that write files: where to, and under which address they expect to be served.

use crate::draft::Found;
use crate::source::path;
use crate::text::{self, Literal};

use super::super::angular;
use super::{Project, Rendering};

pub(super) fn angular(project: &Project<'_, '_>, rendering: &mut Rendering) {
    let Some(application) = angular::application(project.facts) else { return };
    if let Some(server) = application.server {
        rendering.service("server rendering is on in angular.json", "angular.json", None);
        rendering.start_with(
            &format!("node {server}"),
            "the server that `ng build` writes",
            "angular.json",
            None,
        );
        rendering.single_page = false;
        return;
    }
    rendering.output =
        Some(Found::detected(application.browser, "`outputPath` in angular.json").at("angular.json", None));
}

pub(super) fn vite(project: &Project<'_, '_>, rendering: &mut Rendering) {
    let Some(config) = project.config(&["vite.config"]) else { return };
    let root = text::js_string(&config.text, "root")
        .and_then(|root| path::normalise(root.value.trim_start_matches('/')))
        .unwrap_or_else(|| ".".to_owned());
    if let Some(folder) = text::js_string(&config.text, "outDir") {
        rendering.output_from(&folder, &config.file, "outDir", &root);
    } else if root != "." {
        let folder = path::join(&root, "dist");
        rendering.output =
            Some(Found::detected(folder, format!("`root` in {}", config.file)).at(&config.file, None));
    }
    if text::captured(&config.text, r"\b(lib)\s*:\s*\{").is_some() {
        rendering
            .warnings
            .push(format!("{} builds a library, which has no index.html to serve", config.file));
    }
    if let Some(base) = text::js_string(&config.text, "base") {
        warn_about_base(&base.value, "base", &config.file, rendering);
    }
}

/// A site made for a folder below another's domain finds its files under that folder only.
pub(super) fn warn_about_base(base: &str, key: &str, file: &str, rendering: &mut Rendering) {
    if base.starts_with('/') && base.len() > 1 {
        rendering
            .warnings
            .push(format!("`{key}` is `{base}` in {file}: here a site is served from `/`, so remove it"));
    }
}

pub(super) fn based(project: &Project<'_, '_>, stems: &[&str], key: &str, rendering: &mut Rendering) {
    if let Some(config) = project.config(stems)
        && let Some(base) = text::js_string(&config.text, key)
    {
        warn_about_base(&base.value, key, &config.file, rendering);
    }
}

pub(super) fn homepage(project: &Project<'_, '_>, rendering: &mut Rendering) {
    if let Some(homepage) = project.manifest.field("homepage") {
        let path = homepage
            .split_once("://")
            .map_or(homepage, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
        warn_about_base(path, "homepage", "package.json", rendering);
    }
}

pub(super) fn output_key(project: &Project<'_, '_>, stems: &[&str], key: &str, rendering: &mut Rendering) {
    if let Some(config) = project.config(stems)
        && let Some(folder) = text::js_string(&config.text, key)
    {
        rendering.output_from(&folder, &config.file, key, ".");
    }
}

pub(super) fn webpack(project: &Project<'_, '_>, rendering: &mut Rendering) {
    let Some(config) = project.config(&["webpack.config", "webpack.prod", "config/webpack.prod"]) else {
        return;
    };
    let pattern = r#"path\s*:\s*path\.(?:resolve|join)\(\s*__dirname\s*,\s*["']([^"'\n]+)["']\s*\)"#;
    if let Some(folder) = text::captured(&config.text, pattern) {
        rendering.output_from(&folder, &config.file, "output.path", ".");
    }
}

/// VitePress and VuePress take the documents' folder as an argument; the results land inside it.
pub(super) fn documents(project: &Project<'_, '_>, tool: &str, rendering: &mut Rendering) {
    let scripts: Vec<&str> = project.manifest.scripts().map(|(_, script)| script).collect();
    let argument = scripts.iter().find_map(|script| {
        let folder = script.split_once(&format!("{tool} build"))?.1.split_whitespace().next()?;
        path::strict(folder).filter(|folder| !folder.starts_with(['-', '&', ';', '|']))
    });
    let has_script = scripts.iter().any(|script| script.contains(&format!("{tool} build")));
    let folder = argument.unwrap_or_else(|| {
        let usual = ["docs", "src"].into_iter().find(|folder| {
            project.facts.has_folder(&format!("{folder}/.{tool}"))
                || (!has_script && project.facts.has_folder(folder))
        });
        usual.filter(|_| !has_script).unwrap_or(".").to_owned()
    });
    let output = path::join(&folder, &format!(".{tool}/dist"));
    rendering.output =
        Some(Found::detected(output, format!("{tool} writes into the folder of the documents")));
    if folder != "." && path::is_shell_safe(&folder) {
        rendering.build = Some(format!("{tool} build {folder}"));
    }
}

pub(super) fn docusaurus_1(project: &Project<'_, '_>, rendering: &mut Rendering) {
    if let Some(config) = project.config(&["siteConfig.js"])
        && let Some(name) = text::js_string(&config.text, "projectName")
    {
        rendering.output_from(
            &Literal { value: format!("build/{}", name.value), line: name.line },
            &config.file,
            "projectName",
            ".",
        );
    }
}
