//! Every row of the tables is found by what shows it. The lists are written by hand: a misspelt package in a table would
//! agree with a list made from that table.

use std::collections::BTreeSet;

use pierhead_build::source::MemoryTree;
use pierhead_build::{catalogue, detect};

fn framework(literal: &str) -> String {
    match detect(&MemoryTree::from_literal(literal), &Default::default(), ".") {
        Ok(plan) => plan.framework,
        Err(error) => format!("{error:?}"),
    }
}

/// Package, further package, id.
const JAVASCRIPT: &[(&str, &str, &str)] = &[
    ("next", "", "nextjs"),
    ("nuxt3", "", "nuxt"),
    ("nuxt-edge", "", "nuxt"),
    ("nuxt-nightly", "", "nuxt"),
    ("@remix-run/dev", "vite", "remix"),
    ("@react-router/dev", "vite", "react-router"),
    ("astro", "", "astro"),
    ("@sveltejs/kit", "svelte", "sveltekit"),
    ("@solidjs/start", "solid-js", "solidstart"),
    ("solid-start", "solid-js", "solidstart-0"),
    ("@tanstack/solid-start", "@tanstack/router-plugin", "tanstack-start"),
    ("@qwik.dev/router", "", "qwik-city"),
    ("@analogjs/platform", "vite", "analog"),
    ("gatsby", "", "gatsby"),
    ("@redwoodjs/core", "", "redwoodjs"),
    ("blitz", "", "blitz"),
    ("@shopify/hydrogen", "", "hydrogen"),
    ("waku", "vite", "waku"),
    ("vike", "vite", "vike"),
    ("nitro", "", "nitro"),
    ("nitropack", "", "nitro"),
    ("umi", "", "umijs"),
    ("expo", "react-native-web", "expo-web"),
    ("@quasar/app", "", "quasar"),
    ("quasar-cli", "", "quasar"),
    ("@ionic/react", "", "ionic-react"),
    ("@ionic/angular", "@angular/cli", "ionic-angular"),
    ("xmcp", "", "xmcp"),
    ("mastra", "", "mastra"),
    ("eve", "", "eve"),
    ("vite", "vue", "vite"),
    ("react-dev-utils", "", "create-react-app"),
    ("@vue/cli-service", "", "vue-cli"),
    ("@angular/cli", "", "angular"),
    ("svelte", "sirv-cli", "svelte"),
    ("preact-cli", "", "preact-cli"),
    ("ember-source", "", "ember"),
    ("parcel-bundler", "", "parcel"),
    ("@stencil/core", "", "stencil"),
    ("solid-js", "", "solid-js"),
    ("polymer-cli", "", "polymer"),
    ("@dojo/framework", "", "dojo"),
    ("brunch", "", "brunch"),
    ("webpack", "", "webpack"),
    ("rollup", "", "rollup"),
    ("esbuild", "", "esbuild"),
    ("gulp", "", "gulp"),
    ("grunt", "", "grunt"),
    ("wmr", "", "wmr"),
    ("sapper", "svelte", "sapper"),
    ("saber", "", "saber"),
    ("@scullyio/init", "@angular/cli", "scully"),
    ("react-static", "", "react-static"),
    ("storybook", "", "storybook"),
    ("sanity", "", "sanity"),
    ("@docusaurus/core", "", "docusaurus"),
    ("docusaurus", "", "docusaurus-1"),
    ("vitepress", "", "vitepress"),
    ("vuepress", "", "vuepress"),
    ("@11ty/eleventy", "", "eleventy"),
    ("hexo", "", "hexo"),
    ("gridsome", "", "gridsome"),
    ("@observablehq/framework", "", "observable"),
    ("metalsmith", "", "metalsmith"),
    ("wintersmith", "", "wintersmith"),
    ("docpad", "", "docpad"),
    ("harp", "", "harp"),
    ("assemble", "", "assemble"),
    ("phenomic", "", "phenomic"),
    ("roots", "", "roots"),
    ("@tanstack/react-router", "vite", "tanstack-router"),
];

/// Servers, which also need a start script.
const SERVERS: &[(&str, &str)] = &[
    ("@nestjs/core", "nestjs"),
    ("express", "express"),
    ("fastify", "fastify"),
    ("koa", "koa"),
    ("h3", "h3"),
    ("hono", "hono"),
    ("elysia", "elysia"),
    ("@hapi/hapi", "hapi"),
    ("restify", "restify"),
    ("polka", "polka"),
    ("@feathersjs/feathers", "feathers"),
    ("moleculer", "moleculer"),
    ("@loopback/core", "loopback"),
    ("sails", "sails"),
    ("@adonisjs/core", "adonis"),
    ("@strapi/strapi", "strapi"),
    ("directus", "directus"),
    ("payload", "payload"),
    ("@keystone-6/core", "keystone"),
    ("@medusajs/medusa", "medusa"),
    ("ghost", "ghost"),
    ("socket.io", "socket-io"),
    ("ws", "ws"),
    ("discord.js", "discord-bot"),
    ("telegraf", "telegram-bot"),
    ("graphql-yoga", "graphql-yoga"),
    ("@apollo/server", "apollo-server"),
    ("apollo-server", "apollo-server"),
    ("@trpc/server", "trpc"),
];

const PYTHON: &[(&str, &str)] = &[
    ("flask", "flask"),
    ("fastapi", "fastapi"),
    ("python-fasthtml", "fasthtml"),
    ("starlette", "starlette"),
    ("litestar", "litestar"),
    ("quart", "quart"),
    ("blacksheep", "blacksheep"),
    ("sanic", "sanic"),
    ("tornado", "tornado"),
    ("aiohttp", "aiohttp"),
    ("bottle", "bottle"),
    ("falcon", "falcon"),
    ("pyramid", "pyramid"),
    ("cherrypy", "cherrypy"),
    ("streamlit", "streamlit"),
    ("gradio", "gradio"),
    ("dash", "dash"),
    ("panel", "panel"),
    ("shiny", "shiny"),
    ("marimo", "marimo"),
    ("nicegui", "nicegui"),
    ("reflex", "reflex"),
];

const DJANGO: &[(&str, &str)] =
    &[("django", "django"), ("wagtail", "wagtail"), ("django-cms", "django-cms"), ("mezzanine", "mezzanine")];

/// Package, id, document root or output.
const PHP: &[(&str, &str, &str)] = &[
    ("laravel/framework", "laravel", "public"),
    ("laravel/lumen-framework", "lumen", "public"),
    ("statamic/cms", "statamic", "public"),
    ("aimeos/aimeos-laravel", "aimeos", "public"),
    ("october/rain", "october", "."),
    ("winter/storm", "winter", "."),
    ("symfony/framework-bundle", "symfony", "public"),
    ("api-platform/core", "api-platform", "public"),
    ("sylius/sylius", "sylius", "public"),
    ("sulu/sulu", "sulu", "public"),
    ("pimcore/pimcore", "pimcore", "public"),
    ("shopware/core", "shopware", "public"),
    ("ibexa/core", "ibexa", "public"),
    ("oro/platform", "oro", "public"),
    ("contao/core-bundle", "contao", "public"),
    ("bolt/core", "bolt", "public"),
    ("mautic/core-lib", "mautic", "public"),
    ("roadiz/roadiz", "roadiz", "public"),
    ("uvdesk/core-framework", "uvdesk", "public"),
    ("akeneo/pim-community-dev", "akeneo", "public"),
    ("kunstmaan/bundles-cms", "kunstmaan", "public"),
    ("drupal/core-recommended", "drupal", "web"),
    ("drupal/core", "drupal", "web"),
    ("roots/bedrock-autoloader", "bedrock", "web"),
    ("johnpbloch/wordpress", "wordpress", "."),
    ("cakephp/cakephp", "cakephp", "webroot"),
    ("codeigniter4/framework", "codeigniter", "public"),
    ("laminas/laminas-mvc", "laminas", "public"),
    ("mezzio/mezzio", "mezzio", "public"),
    ("yiisoft/yii2", "yii2", "web"),
    ("slim/slim", "slim", "public"),
    ("ext-phalcon", "phalcon", "public"),
    ("spiral/framework", "spiral", "public"),
    ("craftcms/cms", "craft", "web"),
    ("typo3/cms-core", "typo3", "public"),
    ("neos/neos", "neos", "Web"),
    ("joomla/application", "joomla", "."),
    ("getgrav/grav", "grav", "."),
    ("silverstripe/framework", "silverstripe", "public"),
    ("concrete5/core", "concrete", "public"),
    ("picocms/pico", "picocms", "."),
    ("magento/product-community-edition", "magento", "pub"),
    ("prestashop/prestashop", "prestashop", "."),
    ("thelia/thelia", "thelia", "web"),
    ("spryker/kernel", "spryker", "public"),
    ("tightenco/jigsaw", "jigsaw", "build_production"),
    ("sculpin/sculpin", "sculpin", "output_prod"),
    ("cecil/cecil", "cecil", "_site"),
];

/// File, its contents, id.
const FILES: &[(&str, &str, &str)] = &[
    ("main.go", "package main", "go"),
    ("go.mod", "github.com/gofiber/fiber/v2", "fiber"),
    ("go.mod", "github.com/labstack/echo/v4", "echo"),
    ("go.mod", "github.com/go-chi/chi", "chi"),
    ("go.mod", "github.com/beego/beego", "beego"),
    ("pom.xml", "<x/>", "java"),
    ("pom.xml", "io.micronaut", "micronaut"),
    ("pom.xml", "io.dropwizard", "dropwizard"),
    ("pom.xml", "io.vertx", "vertx"),
    ("pom.xml", "io.jooby", "jooby"),
    ("pom.xml", "io.thorntail", "wildfly-swarm"),
    ("build.gradle.kts", "io.ktor", "ktor"),
    ("build.gradle", "org.grails", "grails"),
    ("build.gradle.kts", "kotlin(\"jvm\")", "kotlin"),
    ("build.gradle", "java", "java-gradle"),
    ("Cargo.toml", "[[bin]]\nactix-web = 1", "actix-web"),
    ("Cargo.toml", "[[bin]]\nrocket = 1", "rocket"),
    ("Cargo.toml", "[[bin]]\nwarp = 1", "warp"),
    ("Cargo.toml", "[[bin]]\npoem = 1", "poem"),
    ("Cargo.toml", "[[bin]]\nleptos = 1", "leptos"),
    ("Cargo.toml", "[[bin]]", "rust"),
    ("Gemfile", "gem \"hanami\"", "hanami"),
    ("mix.exs", "", "elixir"),
    ("deno.json", "{\"imports\": {\"lume/\": \"x\"}}", "lume"),
    ("App.fsproj", "<Project Sdk=\"Microsoft.NET.Sdk\">", "dotnet"),
    ("Package.swift", "", "swift"),
    ("meson.build", "", "cpp"),
    ("bridgetown.config.yml", "", "NothingRecognised"),
    ("cecil.yml", "", "cecil"),
    ("nikola.txt", "", "NothingRecognised"),
];

#[test]
fn every_row_is_recognised_by_what_shows_it() {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut failures = Vec::new();
    let mut check = |literal: String, expected: &str| {
        let found = framework(&literal);
        if found == expected || found.starts_with(expected) {
            seen.insert(expected.to_owned());
        } else {
            failures.push(format!("expected {expected}, found {found} in {literal}"));
        }
    };
    for (package, also, id) in JAVASCRIPT {
        let also = if also.is_empty() { String::new() } else { format!(", \"{also}\": \"1\"") };
        check(
            format!(
                "-- package.json\n{{\"scripts\": {{\"build\": \"x\"}}, \"dependencies\": {{\"{package}\": \"1\"{also}}}}}"
            ),
            id,
        );
    }
    for (package, id) in SERVERS {
        let manifest =
            format!(r#"{{"scripts": {{"start": "node x.js"}}, "dependencies": {{"{package}": "1"}}}}"#);
        check(format!("-- package.json\n{manifest}"), id);
    }
    for (package, id) in PYTHON {
        check(format!("-- requirements.txt\n{package}>=1\n-- app.py\n"), id);
    }
    for (package, id) in DJANGO {
        check(format!("-- requirements.txt\n{package}>=1\n-- manage.py\nDJANGO_SETTINGS_MODULE"), id);
    }
    for (package, id, _) in PHP {
        check(format!("-- composer.json\n{{\"require\": {{\"{package}\": \"^1\"}}}}"), id);
    }
    for (file, contents, id) in FILES {
        check(format!("-- {file}\n{contents}\n"), id);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // The rows that the other fixtures cover.
    let fixtures = [
        include_str!("fixtures/javascript.txt"),
        include_str!("fixtures/python.txt"),
        include_str!("fixtures/php.txt"),
        include_str!("fixtures/others.txt"),
    ]
    .concat();
    let covered = |id: &str| seen.contains(id) || fixtures.contains(&format!(">> framework {id}\n"));
    let rows = catalogue::rows();
    let missing: Vec<_> = rows.iter().map(|row| row.id).filter(|id| !covered(id)).collect();
    assert!(missing.is_empty(), "no test recognises {missing:?}");
    assert!(rows.len() >= 200, "{} rows", rows.len());
}

#[test]
fn document_roots_of_php() {
    for (package, id, root) in PHP {
        let tree = MemoryTree::from_literal(&format!(
            "-- composer.json\n{{\"require\": {{\"{package}\": \"^1\"}}}}"
        ));
        let plan = detect(&tree, &Default::default(), ".").unwrap();
        assert_eq!(plan.document_root.or(plan.output_directory).as_deref(), Some(*root), "{id}");
    }
}

#[test]
fn an_id_stands_for_one_row() {
    let mut ids = BTreeSet::new();
    let twice: Vec<_> =
        catalogue::rows().into_iter().map(|row| row.id).filter(|id| !ids.insert(*id)).collect();
    assert_eq!(twice, ["cecil"], "Cecil is installed by composer or alone");
}
