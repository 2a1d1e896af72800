//! Frameworks that render on a server unless their configuration says otherwise.

use pierhead_model::plan::Kind;

use crate::draft::Found;
use crate::source::path;
use crate::text;

use super::writes::warn_about_base;
use super::{Project, Rendering};

pub(super) fn next(project: &Project<'_, '_>, rendering: &mut Rendering) {
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
        rendering.site("the build script runs `next export`", super::super::manifest::FILE, None);
        return;
    }
    if project.manifest.script("start").is_some_and(|script| script.trim() == "next start") {
        rendering.start_is_certain = true;
    }
}

pub(super) fn nuxt(project: &Project<'_, '_>, rendering: &mut Rendering) {
    let is_old = project.manifest.major("nuxt") == Some(2) || project.manifest.has("nuxt-edge");
    if is_old {
        rendering.start = Some(Found::detected("nuxt start".to_owned(), "Nuxt 2 starts like this"));
        rendering.output = Some(Found::detected("dist".to_owned(), "Nuxt 2 writes its files there"));
        rendering.variables.push(("NODE_OPTIONS", "--openssl-legacy-provider"));
    }
    if project.build_script().contains("generate") {
        rendering.site("the build script runs `nuxt generate`", super::super::manifest::FILE, None);
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

pub(super) fn remix(id: &str, project: &Project<'_, '_>, rendering: &mut Rendering) {
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

pub(super) fn astro(project: &Project<'_, '_>, rendering: &mut Rendering) {
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

pub(super) fn sveltekit(project: &Project<'_, '_>, rendering: &mut Rendering) {
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

pub(super) fn nitro(project: &Project<'_, '_>, rendering: &mut Rendering) {
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

pub(super) fn tanstack_start(project: &Project<'_, '_>, rendering: &mut Rendering) {
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

pub(super) fn qwik(project: &Project<'_, '_>, rendering: &mut Rendering) {
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

pub(super) fn vike(project: &Project<'_, '_>, rendering: &mut Rendering) {
    let start = project.manifest.script("start").is_some();
    if start || project.facts.config("server").is_some() || project.facts.config("server/index").is_some() {
        rendering.service(
            "it has a server of its own",
            "package.json",
            project.manifest.line("scripts", "start"),
        );
    }
}

pub(super) fn quasar(project: &Project<'_, '_>, rendering: &mut Rendering) {
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
