//! Meta-frameworks: they render on a server, or ahead of time into files; their configuration says which.
//!
//! Order matters where one builds on another: the more specific one stands first.

use super::rule::Rule;

const NITRO: &str = "node .output/server/index.mjs";

pub(crate) const RULES: &[Rule] = &[
    Rule::meta("hydrogen", "Shopify Hydrogen", &["@shopify/hydrogen"])
        .configs(&["hydrogen.config"])
        .build("shopify hydrogen build")
        .output("dist/client")
        .warning(
            "Hydrogen builds a worker for Shopify's own platform: only its static files can be served here",
        ),
    Rule::meta("redwoodjs", "RedwoodJS", &["@redwoodjs/core"])
        .configs(&["redwood.toml"])
        .build("rw build")
        .start("rw serve")
        .output("web/dist")
        .port(8910),
    Rule::meta("blitz", "Blitz", &["blitz"])
        .configs(&["blitz.config"])
        .build("blitz build")
        .start("blitz start")
        .caches(&[".next/cache"]),
    Rule::meta("nextjs", "Next.js", &["next"])
        .without(&["@nrwl/next"])
        .configs(&["next.config"])
        .build("next build")
        .start("next start -H 0.0.0.0 -p $PORT")
        .output("out")
        .caches(&[".next/cache"])
        .variables(&[("NEXT_TELEMETRY_DISABLED", "1")]),
    Rule::meta("nuxt", "Nuxt", &["nuxt", "nuxt3", "nuxt-edge", "nuxt-nightly"])
        .configs(&["nuxt.config"])
        .build("nuxt build")
        .start(NITRO)
        .output(".output/public")
        .variables(&[("NITRO_HOST", "0.0.0.0"), ("NUXT_TELEMETRY_DISABLED", "1")]),
    Rule::meta("react-router", "React Router", &["@react-router/dev"])
        .configs(&["react-router.config"])
        .build("react-router build")
        .start("react-router-serve ./build/server/index.js")
        .output("build/client"),
    Rule::meta("remix", "Remix", &["@remix-run/dev"])
        .configs(&["remix.config"])
        .build("remix vite:build")
        .start("remix-serve ./build/server/index.js")
        .output("build/client"),
    Rule::meta("astro", "Astro", &["astro"])
        .configs(&["astro.config"])
        .build("astro build")
        .start("node ./dist/server/entry.mjs")
        .output("dist")
        .port(4321)
        .caches(&["node_modules/.astro"])
        .variables(&[("ASTRO_TELEMETRY_DISABLED", "1"), ("HOST", "0.0.0.0")]),
    Rule::meta("sveltekit", "SvelteKit", &["@sveltejs/kit"])
        .build("vite build")
        .start("node build")
        .output("build"),
    Rule::meta("solidstart", "SolidStart", &["@solidjs/start"])
        .build("vinxi build")
        .start(NITRO)
        .output(".output/public"),
    Rule::meta("solidstart-0", "SolidStart 0", &["solid-start"])
        .without(&["@tanstack/solid-start"])
        .build("solid-start build")
        .start("solid-start start"),
    Rule::meta(
        "tanstack-start",
        "TanStack Start",
        &["@tanstack/react-start", "@tanstack/solid-start", "@tanstack/start"],
    )
    .build("vite build")
    .start("srvx --prod -s ../client dist/server/server.js")
    .output("dist/client"),
    Rule::meta("qwik-city", "Qwik City", &["@builder.io/qwik-city", "@qwik.dev/router"]).output("dist"),
    Rule::meta("analog", "Analog", &["@analogjs/platform"])
        .build("vite build")
        .start("node dist/analog/server/index.mjs")
        .output("dist/analog/public"),
    Rule::meta("gatsby", "Gatsby", &["gatsby"])
        .configs(&["gatsby-config"])
        .build("gatsby build")
        .output("public")
        .caches(&[".cache", "public"])
        .variables(&[("GATSBY_TELEMETRY_DISABLED", "1")]),
    Rule::meta("waku", "Waku", &["waku"])
        .configs(&["waku.config"])
        .build("waku build")
        .start("waku start --host 0.0.0.0 --port $PORT")
        .output("dist/public")
        .port(8080),
    Rule::meta("vike", "Vike", &["vike"]).build("vike build").output("dist/client"),
    Rule::meta("umijs", "Umi", &["umi", "@umijs/max"]).build("umi build").output("dist"),
    Rule::meta("expo-web", "Expo (web)", &["expo"])
        .also(&["react-native-web"])
        .build("expo export -p web")
        .output("dist"),
    Rule::meta("quasar", "Quasar", &["@quasar/app", "@quasar/app-vite", "@quasar/app-webpack", "quasar-cli"])
        .build("quasar build")
        .output("dist/spa"),
    Rule::meta("ionic-angular", "Ionic (Angular)", &["@ionic/angular"]).build("ng build").output("www"),
    Rule::meta("ionic-react", "Ionic (React)", &["@ionic/react"])
        .without(&["vite"])
        .build("react-scripts build")
        .output("build"),
    Rule::meta("mastra", "Mastra", &["mastra"])
        .build("mastra build")
        .start("node .mastra/output/index.mjs")
        .port(4111),
    Rule::meta("xmcp", "xmcp", &["xmcp"]).build("xmcp build").start("node dist/http.js"),
    Rule::meta("eve", "Eve", &["eve"]).build("eve build").start("eve start"),
    Rule::meta("nitro", "Nitro", &["nitropack", "nitro"])
        .configs(&["nitro.config"])
        .build("nitro build")
        .start(NITRO)
        .output(".output/public")
        .variables(&[("NITRO_HOST", "0.0.0.0")]),
];

/// Built on a file-based router without a server: plain front ends, but not plain Vite ones.
pub(crate) const SINGLE_PAGE: &[&str] = &["umijs", "quasar", "ionic-angular", "ionic-react"];
