//! Site or service? What each framework's configuration says about where its pages are made.
//!
//! Configuration is text with its comments removed; a value counts only when it is a literal. Where nothing certain is
//! written, the framework's own default holds.

mod renders;
mod writes;

use pierhead_model::plan::Kind;

use crate::draft::Found;
use crate::facts::Facts;
use crate::source::path;
use crate::text::{self, Literal};

use super::manifest::PackageJson;
use super::rule::{Group, Rule};

/// What a framework makes of this project.
#[derive(Debug, Clone)]
pub(crate) struct Rendering {
    pub(crate) kind: Found<Kind>,
    pub(crate) output: Option<Found<String>>,
    /// The framework's production start command.
    pub(crate) start: Option<Found<String>>,
    /// The start command above is right even where a `start` script says otherwise.
    pub(crate) start_is_certain: bool,
    /// Replaces the framework's own build command, not a `build` script.
    pub(crate) build: Option<String>,
    /// Runs after the build.
    pub(crate) after_build: Option<String>,
    pub(crate) single_page: bool,
    pub(crate) variables: Vec<(&'static str, &'static str)>,
    pub(crate) warnings: Vec<String>,
}

/// The project as the rules see it.
#[derive(Debug)]
pub(crate) struct Project<'p, 't> {
    pub(crate) facts: &'p Facts<'t>,
    pub(crate) manifest: &'p PackageJson,
}

/// A configuration file's name and its text without comments.
struct Config {
    file: String,
    text: String,
}

impl Project<'_, '_> {
    fn config(&self, stems: &[&str]) -> Option<Config> {
        stems.iter().find_map(|stem| {
            let file = self.facts.config(stem)?;
            let text = text::without_comments(&self.facts.text(&file)?);
            Some(Config { file, text })
        })
    }

    fn build_script(&self) -> &str {
        self.manifest.script("build").unwrap_or_default()
    }
}

impl Rendering {
    fn new(rule: &Rule) -> Self {
        let because = match rule.kind() {
            Kind::Service if rule.group == Group::Server => format!("{} answers requests", rule.name),
            Kind::Site => format!("{} builds files", rule.name),
            Kind::Service | Kind::Image => format!("{} renders on a server", rule.name),
        };
        let text = |value: &str, what: &str| {
            let found = Found::detected(value.to_owned(), format!("{} {what}", rule.name));
            (!value.is_empty()).then_some(found)
        };
        Self {
            kind: Found::detected(rule.kind(), because),
            output: text(rule.output, "writes its files there"),
            start: text(rule.start, "starts its production server like this"),
            start_is_certain: false,
            build: None,
            after_build: None,
            single_page: rule.single_page,
            variables: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn site(&mut self, because: &str, file: &str, line: Option<u32>) {
        self.kind = Found::detected(Kind::Site, because).at(file, line);
    }

    fn service(&mut self, because: &str, file: &str, line: Option<u32>) {
        self.kind = Found::detected(Kind::Service, because).at(file, line);
    }

    fn output_from(&mut self, literal: &Literal, file: &str, key: &str, base: &str) {
        match path::normalise(&format!("{base}/{}", literal.value)) {
            Some(folder) => {
                let because = format!("`{key}` in {file}");
                self.output = Some(Found::detected(folder, because).at(file, Some(literal.line)));
            }
            None => {
                self.warnings.push(format!("`{key}` in {file} points outside of the project and is ignored"))
            }
        }
    }

    fn start_with(&mut self, command: &str, because: &str, file: &str, line: Option<u32>) {
        self.start = Some(Found::detected(command.to_owned(), because).at(file, line));
        self.start_is_certain = true;
    }
}

/// Reads the configuration of a matched framework.
pub(crate) fn decide(rule: &Rule, project: &Project<'_, '_>) -> Rendering {
    let mut rendering = Rendering::new(rule);
    match rule.id {
        "nextjs" => renders::next(project, &mut rendering),
        "nuxt" => renders::nuxt(project, &mut rendering),
        "react-router" | "remix" => renders::remix(rule.id, project, &mut rendering),
        "astro" => renders::astro(project, &mut rendering),
        "sveltekit" => renders::sveltekit(project, &mut rendering),
        "solidstart" | "nitro" => renders::nitro(project, &mut rendering),
        "tanstack-start" => renders::tanstack_start(project, &mut rendering),
        "qwik-city" => renders::qwik(project, &mut rendering),
        "vike" => renders::vike(project, &mut rendering),
        "quasar" => renders::quasar(project, &mut rendering),
        "angular" => writes::angular(project, &mut rendering),
        "expo-web" => {
            rendering.single_page = !project.facts.contains("app.json", "\"static\"");
        }
        "vite" | "solid-js" | "tanstack-router" => writes::vite(project, &mut rendering),
        "vue-cli" => writes::output_key(project, &["vue.config"], "outputDir", &mut rendering),
        "webpack" => writes::webpack(project, &mut rendering),
        "vitepress" => writes::documents(project, "vitepress", &mut rendering),
        "vuepress" => writes::documents(project, "vuepress", &mut rendering),
        "eleventy" => writes::output_key(
            project,
            &[".eleventy", ".eleventy.js", "eleventy.config"],
            "output",
            &mut rendering,
        ),
        "docusaurus" => writes::based(project, &["docusaurus.config"], "baseUrl", &mut rendering),
        "docusaurus-1" => writes::docusaurus_1(project, &mut rendering),
        "create-react-app" => writes::homepage(project, &mut rendering),
        id if super::meta::SINGLE_PAGE.contains(&id) => rendering.single_page = true,
        _ => {}
    }
    rendering
}
