//! What people's generators write goes live as it is, or with the one setting that their own documentation asks for.
//!
//! Each generator is run once, at a pinned version, and its output kept below the target folder; what is deployed is that
//! output. Two generators fetch their template from a host that a closed network does not reach (Astro, Nuxt): for those the
//! files of the template are written here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use pierhead_testkit::{GitServer, Server};
use serde_json::json;
use tokio::sync::Semaphore;

const BINARY: &str = env!("CARGO_BIN_EXE_pierhead");
/// More at once only wait for each other's processor time.
const AT_ONCE: usize = 2;

struct Generator {
    name: &'static str,
    /// Run by `sh -e` in an empty folder; leaves the project in `site`.
    script: &'static str,
    /// What the page of a new project says.
    says: &'static str,
    /// A file that the page names must be there too.
    asset: Option<&'static str>,
}

const GENERATORS: &[Generator] = &[
    Generator {
        name: "vite-new",
        script: "npx --yes create-vite@9 site --template react --no-interactive",
        says: "<title>site</title>",
        asset: Some("/assets/"),
    },
    Generator {
        name: "next-server",
        script: "npx --yes create-next-app@16 site --ts --app --empty --no-linter --no-src-dir --no-tailwind \
                 --import-alias '@/*' --skip-install --use-npm --disable-git --yes",
        says: "Hello world!",
        asset: Some("/_next/static/"),
    },
    Generator {
        name: "next-export",
        // The documentation of static exports: `output: 'export'`, and no cache components, which need a server.
        script:
            "npx --yes create-next-app@16 site --ts --app --empty --no-linter --no-src-dir --no-tailwind \
                 --import-alias '@/*' --skip-install --use-npm --disable-git --yes
                 sed -i \"s|/\\* config options here \\*/|output: 'export',|; /cacheComponents/d; /partialPrefetching/d\" \
                     site/next.config.ts
                 grep -q 'output:' site/next.config.ts",
        says: "Hello world!",
        asset: Some("/_next/static/"),
    },
    Generator {
        name: "svelte-new",
        // A server of one's own needs an adapter: the generator adds it when asked.
        script: "npx --yes sv@0.17 create site --template minimal --types ts --no-install \
                 --add sveltekit-adapter=adapter:node",
        says: "Welcome to SvelteKit",
        asset: Some("/_app/immutable/"),
    },
    Generator {
        name: "express-new",
        script: "npx --yes express-generator@4 --no-view site",
        says: "Welcome to Express",
        asset: Some("/stylesheets/style.css"),
    },
    Generator {
        name: "nest-new",
        script: "npx --yes @nestjs/cli@12 new site --skip-install --skip-git --package-manager npm",
        says: "Hello World!",
        asset: None,
    },
    Generator {
        name: "django-new",
        // The deployment checklist: ALLOWED_HOSTS, and the packages that the project needs.
        script: "python3 -m venv --without-pip tools
                 python3 -m pip --python tools/bin/python install --quiet 'django==5.2.*'
                 mkdir site && tools/bin/django-admin startproject mysite site
                 sed -i \"s/^ALLOWED_HOSTS = .*/ALLOWED_HOSTS = ['.localhost']/\" site/mysite/settings.py
                 echo 'django==5.2.*' > site/requirements.txt",
        says: "The install worked successfully!",
        asset: None,
    },
    Generator {
        name: "fastapi-new",
        script: r#"mkdir site
                 echo 'fastapi[standard]' > site/requirements.txt
                 cat > site/main.py <<'PY'
from typing import Union

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def read_root():
    return {"Hello": "World"}


@app.get("/items/{item_id}")
def read_item(item_id: int, q: Union[str, None] = None):
    return {"item_id": item_id, "q": q}
PY"#,
        says: r#"{"Hello":"World"}"#,
        asset: None,
    },
    Generator {
        name: "flask-new",
        script: r#"mkdir site
                 echo 'Flask' > site/requirements.txt
                 cat > site/app.py <<'PY'
from flask import Flask

app = Flask(__name__)

@app.route("/")
def hello_world():
    return "<p>Hello, World!</p>"
PY"#,
        says: "<p>Hello, World!</p>",
        asset: None,
    },
    Generator {
        name: "php-new",
        script: r#"mkdir site
                 cat > site/index.php <<'PHP'
<!DOCTYPE html>
<html>
    <head>
        <title>PHP Test</title>
    </head>
    <body>
        <?php echo '<p>Hello World</p>'; ?>
    </body>
</html>
PHP"#,
        says: "<p>Hello World</p>",
        asset: None,
    },
    Generator {
        name: "astro-new",
        script: r#"mkdir --parents site/src/pages site/public
                 cat > site/package.json <<'JSON'
{
  "name": "site",
  "type": "module",
  "version": "0.0.1",
  "scripts": { "dev": "astro dev", "build": "astro build", "preview": "astro preview", "astro": "astro" },
  "dependencies": { "astro": "^5.16.0" }
}
JSON
                 cat > site/astro.config.mjs <<'JS'
// @ts-check
import { defineConfig } from 'astro/config';

// https://astro.build/config
export default defineConfig({});
JS
                 echo '{ "extends": "astro/tsconfigs/strict", "include": [".astro/types.d.ts", "**/*"], "exclude": ["dist"] }' \
                     > site/tsconfig.json
                 cat > site/src/pages/index.astro <<'ASTRO'
---

---

<html lang="en">
	<head>
		<meta charset="utf-8" />
		<title>Astro</title>
	</head>
	<body>
		<h1>Astro</h1>
	</body>
</html>
ASTRO"#,
        says: "<h1>Astro</h1>",
        asset: None,
    },
    Generator {
        name: "nuxt-new",
        script: r#"mkdir --parents site/app site/public
                 cat > site/package.json <<'JSON'
{
  "name": "nuxt-app",
  "type": "module",
  "private": true,
  "scripts": {
    "build": "nuxt build",
    "dev": "nuxt dev",
    "generate": "nuxt generate",
    "preview": "nuxt preview",
    "postinstall": "nuxt prepare"
  },
  "dependencies": { "nuxt": "^4.2.0", "vue": "^3.5.22", "vue-router": "^4.6.3" }
}
JSON
                 cat > site/nuxt.config.ts <<'TS'
// https://nuxt.com/docs/api/configuration/nuxt-config
export default defineNuxtConfig({
  compatibilityDate: '2025-07-15',
  devtools: { enabled: true }
})
TS
                 cat > site/app/app.vue <<'VUE'
<template>
  <div>
    <NuxtRouteAnnouncer />
    <NuxtWelcome />
  </div>
</template>
VUE"#,
        says: "Nuxt",
        asset: Some("/_nuxt/"),
    },
];

/// The generator's output, made once.
fn generated(generator: &Generator) -> PathBuf {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("generators");
    fs_err::create_dir_all(&kept).unwrap();
    let key = pierhead_model::digest::Digest::of(generator.script.as_bytes()).to_hex();
    let folder = kept.join(format!("{}-{}", generator.name, &key[..12]));
    if !folder.exists() {
        let work = tempfile::tempdir_in(&kept).unwrap();
        let output = Command::new("sh")
            .args(["-e", "-c", generator.script])
            .current_dir(work.path())
            .env("CI", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}: {}{}",
            generator.name,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let _ = fs_err::remove_dir_all(work.path().join("site/.git"));
        // Another run may have been faster: its output is the same.
        let _ = fs_err::rename(work.path().join("site"), &folder);
    }
    folder
}

/// The first address on the page that begins like this.
fn address<'p>(page: &'p str, start: &str) -> Option<&'p str> {
    let rest = &page[page.find(start)?..];
    rest.split(['"', '\'', '\\', ' ', '>', ')']).next()
}

/// What is wrong, if something is.
async fn goes_live(server: &Server, git: &GitServer, generator: &Generator) -> Option<String> {
    let name = generator.name;
    let live = server.deploy(json!({ "repository": git.url(name) })).await;
    let log = server.log_of(live.id()).await.join("\n");
    if live.state() != "PRODUCTION" {
        return Some(format!("{name}: {:#}\n{log}", live.0));
    }
    let host = format!("{name}.localhost");
    let (status, page) = server.visit(&host, "/").await;
    if status != 200 || !page.contains(generator.says) {
        return Some(format!("{name} answers {status}: {page}\n{log}"));
    }
    let start = generator.asset?;
    // Addresses may be relative to the page.
    let path = address(&page, start).or_else(|| address(&page, start.trim_start_matches('/')));
    let Some(path) = path else { return Some(format!("{name} names nothing below {start}: {page}")) };
    let (status, _) = server.visit(&host, &format!("/{}", path.trim_start_matches('/'))).await;
    (status != 200).then(|| format!("{name} answers {status} for {path}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_generators_write_goes_live() {
    let only = std::env::var("PIERHEAD_TEST_GENERATOR").ok();
    let chosen: Vec<&Generator> = GENERATORS
        .iter()
        .filter(|generator| only.as_deref().is_none_or(|only| only == generator.name))
        .collect();
    let folders: Vec<PathBuf> = chosen.iter().map(|generator| generated(generator)).collect();
    let repositories: Vec<(&str, &Path)> =
        chosen.iter().zip(&folders).map(|(generator, folder)| (generator.name, folder.as_path())).collect();
    let git = GitServer::of_folders(&repositories);
    let server = Server::start(BINARY).await;
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let deploying = chosen.iter().map(|generator| async {
        let _place = places.acquire().await;
        goes_live(&server, &git, generator).await
    });
    let wrong: Vec<String> = futures::future::join_all(deploying).await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    server.verify().await;
}
