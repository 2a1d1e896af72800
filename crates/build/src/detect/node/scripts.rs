//! What a `start` script really starts: a server for production, a server for development, or a server of files.

use super::manifest::PackageJson;

/// What a script is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    Production,
    /// Watches, rebuilds, or serves a front end from memory.
    Development,
    /// Serves a folder of files, which the ingress does better.
    Files,
}

/// Programs that are for development, with the subcommands that are not. `*` alone: always for development.
const DEVELOPMENT: &[(&str, &[&str])] = &[
    ("nodemon", &[]),
    ("ts-node-dev", &[]),
    ("node-dev", &[]),
    ("webpack-dev-server", &[]),
    ("live-server", &[]),
    ("browser-sync", &[]),
    ("concurrently", &[]),
    ("vite", &["build", "preview"]),
    ("vinxi", &["build", "start"]),
    ("next", &["build", "start", "export"]),
    ("nuxt", &["build", "start", "generate", "preview"]),
    ("nuxi", &["build", "start", "generate", "preview"]),
    ("astro", &["build", "preview"]),
    ("remix", &["build", "vite:build"]),
    ("react-router", &["build"]),
    ("gatsby", &["build", "serve"]),
    ("react-scripts", &["build"]),
    ("craco", &["build"]),
    ("react-app-rewired", &["build"]),
    ("ng", &["build"]),
    ("ionic", &["build"]),
    ("vue-cli-service", &["build"]),
    ("nest", &["build"]),
    ("ember", &["build"]),
    ("gulp", &["build"]),
    ("grunt", &["build"]),
    ("expo", &["export"]),
    ("react-native", &[]),
    ("docusaurus", &["build", "serve"]),
    ("vuepress", &["build"]),
    ("vitepress", &["build", "preview"]),
    ("hexo", &["generate"]),
    ("gridsome", &["build"]),
    ("quasar", &["build"]),
    ("preact", &["build"]),
    ("parcel", &["build"]),
    ("wmr", &["build"]),
    ("stencil", &["build"]),
    ("storybook", &["build"]),
    ("start-storybook", &[]),
    ("umi", &["build"]),
    ("max", &["build"]),
    ("solid-start", &["build", "start"]),
    ("sanity", &["build"]),
    ("brunch", &["build"]),
    ("sapper", &["build", "export"]),
    ("snowpack", &["build"]),
    ("poi", &["build"]),
    ("observable", &["build"]),
    ("shopify", &["build"]),
    ("medusa", &["build", "start"]),
    ("strapi", &["build", "start"]),
    ("waku", &["build", "start"]),
    ("blitz", &["build", "start"]),
    ("rw", &["build", "serve"]),
    ("mastra", &["build", "start"]),
];

const FILE_SERVERS: &[&str] = &[
    "serve",
    "http-server",
    "sirv",
    "lite-server",
    "local-web-server",
    "ws",
    "static-server",
    "superstatic",
];

/// Words in front of the program that do not change what runs.
const PREFIXES: &[&str] = &[
    "npx",
    "pnpm",
    "yarn",
    "bunx",
    "exec",
    "dlx",
    "cross-env",
    "cross-env-shell",
    "env",
    "env-cmd",
    "dotenv",
    "--",
];

/// What the script `name` does in the end; scripts that call scripts are followed.
pub(crate) fn classify(manifest: &PackageJson, script: &str) -> Script {
    classify_within(manifest, script, 6)
}

fn classify_within(manifest: &PackageJson, script: &str, depth: u8) -> Script {
    // The last command of a chain is the one that stays.
    let last = script.rsplit([';', '&']).map(str::trim).find(|part| !part.is_empty());
    let Some(last) = last else { return Script::Production };
    let mut words = last.split_whitespace().map(|word| word.trim_matches(['"', '\''])).peekable();
    if let Some(called) = called_script(last)
        && let Some(inner) = manifest.script(called).filter(|inner| *inner != script)
    {
        return if depth == 0 { Script::Development } else { classify_within(manifest, inner, depth - 1) };
    }
    while words
        .peek()
        .is_some_and(|word| PREFIXES.contains(word) || (word.contains('=') && !word.starts_with('-')))
    {
        words.next();
    }
    let program = words.next().unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or(program);
    let rest: Vec<&str> = words.collect();
    let watches = rest.iter().any(|word| matches!(*word, "--watch" | "--hot" | "--serve" | "--dev"));
    let subcommand = rest.iter().find(|word| !word.starts_with('-')).copied();
    if FILE_SERVERS.contains(&program) || (program == "vite" && subcommand == Some("preview")) {
        return Script::Files;
    }
    if watches || (matches!(program, "tsx" | "bun" | "eleventy") && rest.contains(&"watch")) {
        return Script::Development;
    }
    if matches!(program, "webpack" | "rollup" | "webpack-cli")
        && (subcommand == Some("serve") || rest.contains(&"-w"))
    {
        return Script::Development;
    }
    let Some((_, production)) = DEVELOPMENT.iter().find(|(name, _)| *name == program) else {
        return Script::Production;
    };
    if subcommand.is_some_and(|word| production.contains(&word)) {
        Script::Production
    } else {
        Script::Development
    }
}

/// `dev` from `npm run dev`; also `yarn dev`, `pnpm dev`, `npm start`.
fn called_script(command: &str) -> Option<&str> {
    let mut words = command.split_whitespace();
    let program = words.next()?;
    if !matches!(program, "npm" | "pnpm" | "yarn" | "bun") {
        return None;
    }
    match words.next()? {
        "run" | "run-script" => words.find(|word| !word.starts_with('-')),
        other if program != "npm" || other == "start" => Some(other),
        _ => None,
    }
}

/// The file that a development script runs through node, such as `app.js` in `nodemon app.js`.
pub(crate) fn file_argument(script: &str) -> Option<&str> {
    let runs = ["nodemon", "node", "ts-node-dev", "ts-node", "tsx", "node-dev", "bun"];
    let mut words = script.split_whitespace();
    words.find(|word| runs.contains(word))?;
    words.find(|word| {
        let extension = word.rsplit_once('.').map(|(_, extension)| extension);
        extension.is_some_and(|extension| crate::facts::CONFIG_EXTENSIONS.contains(&extension))
    })
}

/// The port that a script fixes on its own, deaf to `PORT`.
pub(crate) fn fixed_port(script: &str) -> Option<u16> {
    let mut words = script.split_whitespace();
    while let Some(word) = words.next() {
        let value = match word {
            "-p" | "--port" => words.next(),
            word => word.strip_prefix("--port=").or_else(|| word.strip_prefix("PORT=")),
        };
        if let Some(port) = value.and_then(|value| value.parse().ok()).filter(|port| *port != 0) {
            return Some(port);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scripts_start() {
        let manifest = PackageJson::default();
        let table = [
            ("node ./bin/www", Script::Production),
            ("next start", Script::Production),
            ("next start -p 3001", Script::Production),
            ("next", Script::Development),
            ("next dev --turbopack", Script::Development),
            ("vite", Script::Development),
            ("vite --host", Script::Development),
            ("vite preview", Script::Files),
            ("npx serve -s build", Script::Files),
            ("react-scripts start", Script::Development),
            ("cross-env PORT=3 react-scripts start", Script::Development),
            ("ng serve", Script::Development),
            ("nest start", Script::Development),
            ("nest start --watch", Script::Development),
            ("nodemon app.js", Script::Development),
            ("node --watch server.js", Script::Development),
            ("tsx watch src/index.ts", Script::Development),
            ("tsx src/index.ts", Script::Production),
            ("NODE_ENV=production node server.js", Script::Production),
            ("npm run build && node dist/index.js", Script::Production),
            ("webpack serve --mode development", Script::Development),
            ("docusaurus start", Script::Development),
            ("eleventy --serve", Script::Development),
            ("remix-serve ./build/server/index.js", Script::Production),
            ("./node_modules/.bin/vite", Script::Development),
            ("astro dev", Script::Development),
            ("expo start", Script::Development),
            ("", Script::Production),
        ];
        for (script, expected) in table {
            assert_eq!(classify(&manifest, script), expected, "{script}");
        }
    }

    #[test]
    fn arguments_are_read() {
        assert_eq!(file_argument("nodemon --exec x src/app.js"), Some("src/app.js"));
        assert_eq!(fixed_port("next start -p 3001"), Some(3001));
        assert_eq!(fixed_port("next start -p $PORT"), None);
        assert_eq!(called_script("npm run -s dev"), Some("dev"));
        assert_eq!(called_script("npm install"), None);
    }
}
