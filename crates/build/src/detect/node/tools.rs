//! Static applications and build tools: what comes out is a folder of files.

use super::rule::Rule;

pub(crate) const RULES: &[Rule] = &[
    Rule::tool("angular", "Angular", &["@angular/cli", "@angular-devkit/build-angular", "@angular/build"])
        .without(&["@scullyio/init"])
        .configs(&["angular.json"])
        .build("ng build")
        .output("dist")
        .port(4000)
        .caches(&[".angular/cache"])
        .variables(&[("NG_CLI_ANALYTICS", "false")]),
    Rule::tool("scully", "Scully", &["@scullyio/init"])
        .build("ng build && npx --no-install scully")
        .output("dist/static")
        .many_pages(),
    Rule::tool("create-react-app", "Create React App", &["react-scripts", "react-dev-utils"])
        .build("react-scripts build")
        .output("build"),
    Rule::tool("vue-cli", "Vue CLI", &["@vue/cli-service"])
        .configs(&["vue.config"])
        .build("vue-cli-service build")
        .output("dist"),
    Rule::tool("sapper", "Sapper", &["sapper"])
        .build("sapper export")
        .output("__sapper__/export")
        .many_pages(),
    Rule::tool("saber", "Saber", &["saber"]).build("saber build").output("public").many_pages(),
    Rule::tool("ember", "Ember", &["ember-source", "ember-cli"])
        .configs(&["ember-cli-build"])
        .build("ember build --environment=production")
        .output("dist"),
    Rule::tool("stencil", "Stencil", &["@stencil/core"])
        .configs(&["stencil.config"])
        .build("stencil build")
        .output("www"),
    Rule::tool("preact-cli", "Preact CLI", &["preact-cli"]).build("preact build").output("build"),
    Rule::tool("react-static", "React Static", &["react-static"])
        .configs(&["static.config"])
        .build("react-static build")
        .output("dist")
        .many_pages(),
    Rule::tool("sanity", "Sanity Studio", &["sanity", "@sanity/cli"])
        .configs(&["sanity.config", "sanity.json"])
        .build("sanity build")
        .output("dist"),
    Rule::tool("tanstack-router", "TanStack Router", &["@tanstack/react-router", "@tanstack/router-plugin"])
        .without(&["@tanstack/react-start", "@tanstack/solid-start"])
        .also(&["vite"])
        .build("vite build")
        .output("dist"),
    Rule::tool("vite", "Vite", &["vite", "vite-plus", "rolldown-vite"])
        .configs(&["vite.config"])
        .build("vite build")
        .output("dist"),
    Rule::tool("solid-js", "Solid", &["solid-js"]).build("vite build").output("dist"),
    Rule::tool("svelte", "Svelte (Rollup)", &["svelte"])
        .also(&["sirv-cli"])
        .without(&["@sveltejs/kit", "sapper"])
        .build("rollup -c")
        .output("public"),
    Rule::tool("parcel", "Parcel", &["parcel", "parcel-bundler"]).build("parcel build").output("dist"),
    Rule::tool("polymer", "Polymer", &["polymer-cli"]).build("polymer build").output("build"),
    Rule::tool("dojo", "Dojo", &["@dojo/framework"])
        .configs(&[".dojorc"])
        .build("dojo build")
        .output("output/dist"),
    Rule::tool("brunch", "Brunch", &["brunch"])
        .configs(&["brunch-config"])
        .build("brunch build --production")
        .output("public"),
    Rule::tool("wmr", "WMR", &["wmr"]).build("wmr build").output("dist"),
    Rule::tool("gulp", "gulp", &["gulp"])
        .configs(&["gulpfile"])
        .build("gulp build")
        .output("dist")
        .many_pages(),
    Rule::tool("grunt", "Grunt", &["grunt"])
        .configs(&["Gruntfile"])
        .build("grunt build")
        .output("dist")
        .many_pages(),
    Rule::tool("webpack", "webpack", &["webpack"]).configs(&["webpack.config"]).output("dist"),
    Rule::tool("rollup", "Rollup", &["rollup"]).configs(&["rollup.config"]).output("dist"),
    Rule::tool("esbuild", "esbuild", &["esbuild"]).output("dist"),
    Rule::weak("storybook", "Storybook", &["storybook"]).build("storybook build").output("storybook-static"),
];

/// Bundlers that also build libraries and servers: they count only with a `build` script.
pub(crate) const NEED_BUILD_SCRIPT: &[&str] = &["webpack", "rollup", "esbuild", "gulp", "grunt", "solid-js"];
