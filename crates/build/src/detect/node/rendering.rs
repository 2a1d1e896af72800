//! Site or service? What each framework's configuration says about where its pages are made.
//!
//! Configuration is text with its comments removed; a value counts only when it is a literal. Where nothing certain is
//! written, the framework's own default holds.

use pierhead_model::plan::Kind;

use crate::draft::Found;
use crate::facts::Facts;
use crate::source::path;
use crate::text::{self, Literal};

use super::angular;
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
        "nextjs" => next(project, &mut rendering),
        "nuxt" => nuxt(project, &mut rendering),
        "react-router" | "remix" => remix(rule.id, project, &mut rendering),
        "astro" => astro(project, &mut rendering),
        "sveltekit" => sveltekit(project, &mut rendering),
        "solidstart" | "nitro" => nitro(project, &mut rendering),
        "tanstack-start" => tanstack_start(project, &mut rendering),
        "qwik-city" => qwik(project, &mut rendering),
        "vike" => vike(project, &mut rendering),
        "quasar" => quasar(project, &mut rendering),
        "angular" => angular(project, &mut rendering),
        "expo-web" => {
            rendering.single_page = !project.facts.contains("app.json", "\"static\"");
        }
        "vite" | "solid-js" | "tanstack-router" => vite(project, &mut rendering),
        "vue-cli" => output_key(project, &["vue.config"], "outputDir", &mut rendering),
        "webpack" => webpack(project, &mut rendering),
        "vitepress" => documents(project, "vitepress", &mut rendering),
        "vuepress" => documents(project, "vuepress", &mut rendering),
        "eleventy" => {
            output_key(project, &[".eleventy", ".eleventy.js", "eleventy.config"], "output", &mut rendering)
        }
        "docusaurus" => based(project, &["docusaurus.config"], "baseUrl", &mut rendering),
        "docusaurus-1" => docusaurus_1(project, &mut rendering),
        "create-react-app" => homepage(project, &mut rendering),
        id if super::meta::SINGLE_PAGE.contains(&id) => rendering.single_page = true,
        _ => {}
    }
    rendering
}

fn next(project: &Project<'_, '_>, rendering: &mut Rendering) {
    let config = project.config(&["next.config"]);
    if let Some(config) = &config {
        let output = text::js_string(&config.text, "output");
        match output.as_ref().map(|output| output.value.as_str()) {
            Some("export") => {
                rendering.site(
                    "`output: 'export'` writes every page ahead of time",
                    &config.file,
                    output.map(|o| o.line),
                );
                if let Some(folder) = text::js_string(&config.text, "distDir") {
                    rendering.output_from(&folder, &config.file, "distDir", ".");
                }
                return;
            }
            Some("standalone") => {
                let folder = text::js_string(&config.text, "distDir")
                    .and_then(|folder| path::normalise(&folder.value))
                    .filter(|folder| path::is_shell_safe(folder))
                    .unwrap_or_else(|| ".next".to_owned());
                let line = output.map(|output| output.line);
                let start = format!("node {folder}/standalone/server.js");
                rendering.start_with(
                    &start,
                    "`output: 'standalone'` makes its own server",
                    &config.file,
                    line,
                );
                let mut copies = vec![format!("cp -r {folder}/static {folder}/standalone/{folder}/static")];
                if project.facts.has_folder("public") {
                    copies.push(format!("cp -r public {folder}/standalone/public"));
                }
                rendering.after_build = Some(copies.join(" && "));
                return;
            }
            _ => {}
        }
    }
    if project.build_script().contains("next export") {
        rendering.site("the build script runs `next export`", super::manifest::FILE, None);
        return;
    }
    if project.manifest.script("start").is_some_and(|script| script.trim() == "next start") {
        rendering.start_is_certain = true;
    }
}

fn nuxt(project: &Project<'_, '_>, rendering: &mut Rendering) {
    let is_old = project.manifest.major("nuxt") == Some(2) || project.manifest.has("nuxt-edge");
    if is_old {
        rendering.start = Some(Found::detected("nuxt start".to_owned(), "Nuxt 2 starts like this"));
        rendering.output = Some(Found::detected("dist".to_owned(), "Nuxt 2 writes its files there"));
        rendering.variables.push(("NODE_OPTIONS", "--openssl-legacy-provider"));
    }
    if project.build_script().contains("generate") {
        rendering.site("the build script runs `nuxt generate`", super::manifest::FILE, None);
        return;
    }
    let Some(config) = project.config(&["nuxt.config"]) else { return };
    let target = text::js_string(&config.text, "target").filter(|target| target.value == "static");
    let preset = text::js_string(&config.text, "preset")
        .filter(|preset| matches!(preset.value.as_str(), "static" | "github-pages" | "github_pages"));
    if let Some(literal) = target.or(preset) {
        rendering.site("its preset is static", &config.file, Some(literal.line));
        rendering.build = Some("nuxt generate".to_owned());
    } else if let Some(line) = text::js_word(&config.text, "ssr", "false") {
        rendering.site("`ssr: false` leaves nothing to render on a server", &config.file, Some(line));
        rendering.build = Some("nuxt generate".to_owned());
        rendering.single_page = true;
    }
}

fn remix(id: &str, project: &Project<'_, '_>, rendering: &mut Rendering) {
    let config = project.config(&["react-router.config", "vite.config", "remix.config"]);
    let line = config.as_ref().and_then(|config| text::js_word(&config.text, "ssr", "false"));
    if let (Some(config), Some(line)) = (&config, line) {
        rendering.site("`ssr: false` leaves nothing to render on a server", &config.file, Some(line));
        rendering.single_page = true;
        return;
    }
    if id == "remix" && project.facts.config("vite.config").is_none() {
        rendering.build = Some("remix build".to_owned());
        rendering.start =
            Some(Found::detected("remix-serve build/index.js".to_owned(), "classic Remix builds one file"));
    }
    let server = if id == "remix" { "@remix-run/serve" } else { "@react-router/serve" };
    if !project.manifest.has(server) && project.manifest.script("start").is_none() {
        rendering.warnings.push(format!(
            "{server} is not a dependency, so nothing can start the server: add it, or a `start` script"
        ));
    }
}

fn astro(project: &Project<'_, '_>, rendering: &mut Rendering) {
    let Some(config) = project.config(&["astro.config"]) else {
        rendering.site("Astro writes every page ahead of time unless told otherwise", "package.json", None);
        return;
    };
    let output = text::js_string(&config.text, "output");
    let is_server =
        output.as_ref().is_some_and(|output| matches!(output.value.as_str(), "server" | "hybrid"));
    let adapter =
        text::captured(&config.text, r#"["'](@astrojs/(?:node|vercel|netlify|cloudflare|deno)[^"']*)["']"#);
    if let Some(folder) = text::js_string(&config.text, "outDir") {
        rendering.output_from(&folder, &config.file, "outDir", ".");
    }
    match adapter {
        Some(adapter) if adapter.value == "@astrojs/node" => {
            rendering.service("its adapter is @astrojs/node", &config.file, Some(adapter.line));
            if text::js_string(&config.text, "mode").is_some_and(|mode| mode.value == "middleware") {
                rendering.warnings.push(format!(
                    "@astrojs/node is in `middleware` mode in {}, which needs a server of your own: set `mode: 'standalone'` or \
                     a `start` script",
                    config.file
                ));
            }
        }
        Some(adapter) if is_server => {
            rendering.service("`output` is not static", &config.file, Some(adapter.line));
            rendering.warnings.push(format!(
                "{} builds for another platform: use @astrojs/node with `mode: 'standalone'`",
                adapter.value
            ));
        }
        _ if is_server => {
            rendering.service("`output` is not static", &config.file, output.map(|output| output.line));
            rendering.warnings.push("server rendering needs an adapter: run `npx astro add node`".to_owned());
        }
        _ => {
            rendering.site("Astro writes every page ahead of time unless told otherwise", &config.file, None)
        }
    }
    if rendering.kind.value == Kind::Site
        && let Some(base) = text::js_string(&config.text, "base")
    {
        warn_about_base(&base.value, "base", &config.file, rendering);
    }
}

fn sveltekit(project: &Project<'_, '_>, rendering: &mut Rendering) {
    let configs = ["svelte.config", "vite.config"].map(|stem| project.config(&[stem]));
    let adapter = configs.iter().flatten().find_map(|config| {
        let adapter = text::captured(&config.text, r#"["']((?:@sveltejs/|svelte-)adapter-[a-z-]+)["']"#)?;
        Some((config, adapter))
    });
    let installed = ["@sveltejs/adapter-static", "@sveltejs/adapter-node", "@sveltejs/adapter-auto"];
    let name = adapter
        .as_ref()
        .map(|(_, adapter)| adapter.value.clone())
        .or_else(|| project.manifest.first(&installed).map(str::to_owned))
        .unwrap_or_else(|| "@sveltejs/adapter-auto".to_owned());
    let (file, line) = adapter.as_ref().map_or_else(
        || ("package.json".to_owned(), None),
        |(config, adapter)| (config.file.clone(), Some(adapter.line)),
    );
    let script = adapter.as_ref().map_or("", |(config, _)| config.text.as_str());
    // Behind a proxy the adapter must be told which headers carry the address that the visitor used.
    let proxy = [("HOST_HEADER", "x-forwarded-host"), ("PROTOCOL_HEADER", "x-forwarded-proto")];
    match name.as_str() {
        "@sveltejs/adapter-static" => {
            rendering.site("adapter-static writes every page ahead of time", &file, line);
            if let Some(folder) = text::js_string(script, "pages") {
                rendering.output_from(&folder, &file, "pages", ".");
            }
            rendering.single_page = text::js_string(script, "fallback")
                .is_some_and(|page| matches!(&*page.value, "index.html" | "200.html"));
        }
        "@sveltejs/adapter-node" => {
            rendering.service("adapter-node makes a server", &file, line);
            let folder = text::js_string(script, "out").and_then(|out| path::normalise(&out.value));
            if let Some(folder) = folder.filter(|folder| path::is_shell_safe(folder)) {
                rendering.start =
                    Some(Found::detected(format!("node {folder}"), "`out` of adapter-node").at(&file, line));
            }
            rendering.variables.extend(proxy);
        }
        "@sveltejs/adapter-auto" => {
            rendering.service("adapter-auto is told to make a server with adapter-node", &file, line);
            // The one signal by which adapter-auto chooses (and installs) adapter-node.
            rendering.variables.push(("GCP_BUILDPACKS", "true"));
            rendering.variables.extend(proxy);
            rendering.warnings.push(
                "adapter-auto installs @sveltejs/adapter-node at every build: using adapter-node in the configuration is faster"
                    .to_owned(),
            );
        }
        other => {
            rendering.service("SvelteKit renders on a server", &file, line);
            rendering
                .warnings
                .push(format!("{other} builds for another platform: use @sveltejs/adapter-node"));
        }
    }
}

fn nitro(project: &Project<'_, '_>, rendering: &mut Rendering) {
    let Some(config) = project.config(&["app.config", "nitro.config", "vite.config"]) else { return };
    if let Some(preset) =
        text::js_string(&config.text, "preset").filter(|preset| preset.value.contains("static"))
    {
        rendering.site("its preset is static", &config.file, Some(preset.line));
    } else if let Some(line) = text::js_word(&config.text, "ssr", "false") {
        rendering.site("`ssr: false` leaves nothing to render on a server", &config.file, Some(line));
        rendering.single_page = true;
    }
    if config.file.starts_with("vite.config") {
        rendering.build = Some("vite build".to_owned());
    }
}

fn tanstack_start(project: &Project<'_, '_>, rendering: &mut Rendering) {
    let config = project.config(&["vite.config", "app.config"]);
    let mentions_nitro = config.as_ref().is_some_and(|config| config.text.contains("nitro"));
    if mentions_nitro || project.manifest.first(&["nitro", "nitropack", "vinxi"]).is_some() {
        let because = "Nitro bundles the server there";
        rendering.start = Some(Found::detected("node .output/server/index.mjs".to_owned(), because));
    } else if !project.manifest.has("srvx") {
        // Nothing else in the project can serve what the build leaves, so the server is fetched at build time.
        rendering.after_build = Some("npm install --prefix .srvx --no-save srvx".to_owned());
        rendering.start = Some(Found::detected(
            "node .srvx/node_modules/srvx/bin/srvx.mjs --prod -s ../client dist/server/server.js".to_owned(),
            "srvx serves what TanStack Start builds",
        ));
    }
    if let Some(config) = &config
        && let Some(line) = text::js_word(&config.text, r"spa\s*:\s*\{\s*enabled", "true")
    {
        rendering.site("`spa.enabled` leaves nothing to render on a server", &config.file, Some(line));
        rendering.single_page = true;
    }
}

fn qwik(project: &Project<'_, '_>, rendering: &mut Rendering) {
    for (adapter, entry) in
        [("express", "entry.express"), ("fastify", "entry.fastify"), ("node", "entry.node-server")]
    {
        if project.facts.config(&format!("src/{entry}")).is_some()
            || project.facts.files().any(|file| file.starts_with(&format!("src/{entry}")))
        {
            rendering.service(&format!("it has an adapter for {adapter}"), &format!("src/{entry}.tsx"), None);
            rendering.start = Some(Found::detected(format!("node server/{entry}"), "the adapter's entry"));
            return;
        }
    }
}

fn vike(project: &Project<'_, '_>, rendering: &mut Rendering) {
    let start = project.manifest.script("start").is_some();
    if start || project.facts.config("server").is_some() || project.facts.config("server/index").is_some() {
        rendering.service(
            "it has a server of its own",
            "package.json",
            project.manifest.line("scripts", "start"),
        );
    }
}

fn quasar(project: &Project<'_, '_>, rendering: &mut Rendering) {
    if project.build_script().contains("ssr") {
        rendering.service(
            "the build script asks for ssr",
            "package.json",
            project.manifest.line("scripts", "build"),
        );
        rendering.start = Some(Found::detected("node dist/ssr/index.js".to_owned(), "Quasar's server"));
    }
    rendering.single_page = rendering.kind.value == Kind::Site;
}

fn angular(project: &Project<'_, '_>, rendering: &mut Rendering) {
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

fn vite(project: &Project<'_, '_>, rendering: &mut Rendering) {
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
fn warn_about_base(base: &str, key: &str, file: &str, rendering: &mut Rendering) {
    if base.starts_with('/') && base.len() > 1 {
        rendering
            .warnings
            .push(format!("`{key}` is `{base}` in {file}: here a site is served from `/`, so remove it"));
    }
}

fn based(project: &Project<'_, '_>, stems: &[&str], key: &str, rendering: &mut Rendering) {
    if let Some(config) = project.config(stems)
        && let Some(base) = text::js_string(&config.text, key)
    {
        warn_about_base(&base.value, key, &config.file, rendering);
    }
}

fn homepage(project: &Project<'_, '_>, rendering: &mut Rendering) {
    if let Some(homepage) = project.manifest.field("homepage") {
        let path = homepage
            .split_once("://")
            .map_or(homepage, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
        warn_about_base(path, "homepage", "package.json", rendering);
    }
}

fn output_key(project: &Project<'_, '_>, stems: &[&str], key: &str, rendering: &mut Rendering) {
    if let Some(config) = project.config(stems)
        && let Some(folder) = text::js_string(&config.text, key)
    {
        rendering.output_from(&folder, &config.file, key, ".");
    }
}

fn webpack(project: &Project<'_, '_>, rendering: &mut Rendering) {
    let Some(config) = project.config(&["webpack.config", "webpack.prod", "config/webpack.prod"]) else {
        return;
    };
    let pattern = r#"path\s*:\s*path\.(?:resolve|join)\(\s*__dirname\s*,\s*["']([^"'\n]+)["']\s*\)"#;
    if let Some(folder) = text::captured(&config.text, pattern) {
        rendering.output_from(&folder, &config.file, "output.path", ".");
    }
}

/// VitePress and VuePress take the documents' folder as an argument; the results land inside it.
fn documents(project: &Project<'_, '_>, tool: &str, rendering: &mut Rendering) {
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

fn docusaurus_1(project: &Project<'_, '_>, rendering: &mut Rendering) {
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
