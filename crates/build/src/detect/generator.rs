//! Site generators outside of npm, Python and PHP: Hugo, Zola, Jekyll, Middleman, mdBook, Lume, Cecil.
//!
//! Their names are told apart by contents, since several share a file name. Those whose files are unmistakable are asked
//! first, since a Gemfile or a `package.json` beside them only serves them; the others come after the languages, where
//! documentation is often a guest.

use pierhead_model::plan::{Kind, Runtime};

use super::Context;
use crate::draft::{Draft, Found};
use crate::error::DetectError;
use crate::facts::Facts;
use crate::source::path;
use crate::text;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// File and a text that it must contain; an empty text is always contained.
    pub(crate) configs: &'static [(&'static str, &'static str)],
    /// A second file must say so too, where the configuration's name is common.
    also: &'static [(&'static str, &'static str)],
    pub(crate) install: &'static str,
    pub(crate) build: &'static str,
    pub(crate) output: &'static str,
    /// The configuration's key for the output directory.
    output_key: &'static str,
}

const NONE: Rule = Rule {
    id: "",
    name: "",
    configs: &[],
    also: &[],
    install: "",
    build: "",
    output: "public",
    output_key: "",
};

pub(crate) const CERTAIN: &[Rule] = &[
    Rule {
        id: "hugo",
        name: "Hugo",
        configs: &[
            ("hugo.toml", ""),
            ("hugo.yaml", ""),
            ("hugo.yml", ""),
            ("hugo.json", ""),
            ("config/_default/hugo.toml", ""),
            ("config/_default/config.toml", ""),
            ("config.toml", "baseURL"),
            ("config.toml", "baseurl"),
            ("config.yaml", "baseURL"),
            ("config.yml", "baseURL"),
            ("config.json", "baseURL"),
        ],
        build: "hugo --gc --minify",
        output_key: "publishDir",
        ..NONE
    },
    Rule {
        id: "zola",
        name: "Zola",
        configs: &[("config.toml", "base_url")],
        build: "zola build",
        output_key: "output_dir",
        ..NONE
    },
    Rule {
        id: "jekyll",
        name: "Jekyll",
        configs: &[("_config.yml", ""), ("_config.yaml", "")],
        also: &[
            ("Gemfile", "jekyll"),
            ("Gemfile", "github-pages"),
            ("_posts/", ""),
            ("_layouts/", ""),
            ("index.md", ""),
        ],
        install: "bundle install",
        build: "bundle exec jekyll build",
        output: "_site",
        output_key: "destination",
    },
    Rule {
        id: "middleman",
        name: "Middleman",
        configs: &[("config.rb", "")],
        also: &[("Gemfile", "middleman")],
        install: "bundle install",
        build: "bundle exec middleman build",
        output: "build",
        ..NONE
    },
    Rule {
        id: "bridgetown",
        name: "Bridgetown",
        configs: &[("bridgetown.config.yml", ""), ("config/initializers.rb", "Bridgetown")],
        also: &[("Gemfile", "bridgetown")],
        install: "bundle install",
        build: "bin/bridgetown deploy",
        output: "output",
        ..NONE
    },
];

pub(crate) const LIKELY: &[Rule] = &[
    Rule {
        id: "mdbook",
        name: "mdBook",
        configs: &[("book.toml", "")],
        build: "mdbook build",
        output: "book",
        ..NONE
    },
    Rule {
        id: "cecil",
        name: "Cecil",
        configs: &[("cecil.yml", ""), ("cecil.yaml", "")],
        build: "cecil build",
        output: "_site",
        ..NONE
    },
];

fn id(rules: &'static [Rule], framework: &str) -> Option<&'static str> {
    rules.iter().map(|rule| rule.id).find(|id| *id == framework)
}

pub(crate) fn id_certain(framework: &str) -> Option<&'static str> {
    id(CERTAIN, framework)
}

pub(crate) fn id_likely(framework: &str) -> Option<&'static str> {
    id(LIKELY, framework)
}

pub(crate) fn detect_certain(context: &Context<'_, '_>) -> Result<Option<Draft>, DetectError> {
    Ok(detect(context, CERTAIN))
}

pub(crate) fn detect_likely(context: &Context<'_, '_>) -> Result<Option<Draft>, DetectError> {
    Ok(detect(context, LIKELY))
}

fn detect(context: &Context<'_, '_>, rules: &'static [Rule]) -> Option<Draft> {
    let facts = context.facts;
    if let Some(forced) = context.forced {
        let rule = rules.iter().find(|rule| rule.id == forced)?;
        let config = rule.configs.iter().map(|(file, _)| *file).find(|file| facts.has(file));
        return Some(plan(context, rule, config, Found::default(rule.id, "chosen explicitly")));
    }
    rules.iter().find_map(|rule| {
        let config = rule.configs.iter().find(|(file, text)| holds(facts, file, text))?.0;
        let agrees = rule.also.is_empty() || rule.also.iter().any(|(file, text)| holds(facts, file, text));
        // Hexo shares Jekyll's file name and is found through its package.
        let is_hexo = rule.id == "jekyll" && facts.contains("package.json", "\"hexo\"");
        let evidence = Found::detected(rule.id, format!("there is {config}")).at(config, None);
        (agrees && !is_hexo).then(|| plan(context, rule, Some(config), evidence))
    })
}

fn holds(facts: &Facts<'_>, file: &str, text: &str) -> bool {
    match file.strip_suffix('/') {
        Some(folder) => facts.has_folder(folder),
        None if text.is_empty() => facts.has(file),
        None => facts.contains(file, text),
    }
}

fn plan(
    context: &Context<'_, '_>,
    rule: &'static Rule,
    config: Option<&str>,
    evidence: Found<&str>,
) -> Draft {
    let facts = context.facts;
    let runtime = Runtime::Other(if rule.install.is_empty() { rule.id } else { "ruby" }.to_owned());
    let mut draft = Draft::new(evidence, rule.name, Kind::Site, runtime);
    draft.kind(&Found::detected(Kind::Site, format!("{} writes pages ahead of time", rule.name)));
    if let Some(version) = context.choices.version(rule.id) {
        draft.runtime_version(version.clone());
    }
    if !rule.install.is_empty() && facts.has("Gemfile") {
        draft.install(Found::detected(rule.install.to_owned(), "there is a Gemfile").at("Gemfile", None));
        draft
            .package_manager(Found::detected("bundler".to_owned(), "there is a Gemfile").at("Gemfile", None));
        draft.plan.dependency_inputs = ["Gemfile", "Gemfile.lock"]
            .iter()
            .filter(|file| facts.has(file))
            .map(|file| (*file).to_owned())
            .collect();
    }
    draft.build(Found::detected(rule.build.to_owned(), format!("{}'s build command", rule.name)));
    let output = config.filter(|_| !rule.output_key.is_empty()).and_then(|config| {
        let text = facts.text(config)?;
        let pattern = format!(r#"(?m)^\s*["']?{}["']?\s*[:=]\s*["']?([^"'\s,#]+)"#, rule.output_key);
        let literal = text::captured(&text, &pattern)?;
        let folder = path::normalise(&literal.value)?;
        Some(
            Found::detected(folder, format!("`{}` in {config}", rule.output_key))
                .at(config, Some(literal.line)),
        )
    });
    draft
        .output(output.unwrap_or_else(|| {
            Found::default(rule.output.to_owned(), format!("{} writes there", rule.name))
        }));
    draft.warn(crate::dockerfile_template::needs_one(rule.name));
    draft
}
