//! Trees made by an enemy: whatever they hold, detection ends, soon, and never points outside of the project.

use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use fs_err as fs;
use pierhead_build::dockerfile_template::dockerfile_template;
use pierhead_build::explain::explain;
use pierhead_build::source::{Directory, MemoryTree};
use pierhead_build::{DetectError, Request, detect, detect_request};
use pierhead_model::plan::{BuildPlan, BuildSettings};
use proptest::prelude::*;

fn is_inside(path: &str) -> bool {
    !path.starts_with('/') && !path.contains('\0') && path.split('/').all(|part| part != "..")
}

/// Nothing in a plan leads out of the project.
fn stays_inside(plan: &BuildPlan) {
    let single = [&plan.output_directory, &plan.document_root, &plan.dockerfile];
    let paths = single
        .into_iter()
        .flatten()
        .chain(&plan.dependency_inputs)
        .chain(&plan.caches)
        .chain(plan.reasons.iter().filter_map(|reason| reason.file.as_ref()))
        .chain(std::iter::once(&plan.root_directory));
    for path in paths {
        assert!(is_inside(path), "{path:?} in {plan:?}");
    }
}

#[test]
fn a_manifest_that_is_a_link_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    symlink("/etc/passwd", folder.path().join("package.json")).unwrap();
    let result = detect(&Directory::new(folder.path()), &BuildSettings::default(), ".");
    assert!(matches!(result, Err(DetectError::NothingRecognised { .. })), "{result:?}");
    let settings = BuildSettings { dockerfile: Some("package.json".into()), ..Default::default() };
    let result = detect(&Directory::new(folder.path()), &settings, ".");
    assert!(matches!(result, Err(DetectError::UnreadableManifest { .. })), "{result:?}");
}

#[test]
fn a_root_directory_that_is_a_link_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    symlink("/etc", folder.path().join("web")).unwrap();
    fs::write(folder.path().join("index.html"), "").unwrap();
    let result = detect(&Directory::new(folder.path()), &BuildSettings::default(), "web");
    assert!(matches!(result, Err(DetectError::RootDirectoryMissing { .. })), "{result:?}");
}

#[test]
fn a_manifest_that_is_too_large_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = fs::File::create(folder.path().join("package.json")).unwrap();
    file.set_len(50 << 20).unwrap();
    let result = detect(&Directory::new(folder.path()), &BuildSettings::default(), ".");
    let Err(error) = result else { panic!("{result:?}") };
    assert_eq!(
        error.to_string(),
        "`package.json` is needed but cannot be read: it is larger than 1 MiB",
        "{error:?}"
    );
}

#[test]
fn odd_bytes_and_depths_are_told() {
    let table: &[(&str, &[u8])] = &[
        ("package.json", b"\xff\xfe{}"),
        ("package.json", b"{\"a\": \0}"),
        ("composer.json", b"[[[["),
        ("pyproject.toml", b"a = [[[[["),
        ("pierhead.yaml", b"version: 1\n\xff"),
    ];
    for (name, contents) in table {
        let tree = MemoryTree::new([(*name, contents.to_vec())]);
        assert!(detect(&tree, &BuildSettings::default(), ".").is_err(), "{name}");
    }
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let tree = MemoryTree::new([("package.json", deep)]);
    let result = detect(&tree, &BuildSettings::default(), ".");
    assert!(matches!(result, Err(DetectError::InvalidManifest { .. })), "{result:?}");
}

#[test]
fn paths_that_lead_out_are_refused_wherever_they_are_said() {
    let tree = MemoryTree::from_literal("-- index.html\n");
    for root in ["../x", "/etc", "a/../../b", "a\0b", "..", "a\\..\\b"] {
        let result = detect(&tree, &BuildSettings::default(), root);
        assert!(matches!(result, Err(DetectError::PathEscapes { .. })), "{root}: {result:?}");
    }
    for path in ["../..", "/etc", "a/../b", "a\nb"] {
        let output = BuildSettings { output_directory: Some(path.into()), ..Default::default() };
        let dockerfile = BuildSettings { dockerfile: Some(path.into()), ..Default::default() };
        for settings in [output, dockerfile] {
            let result = detect(&tree, &settings, ".");
            assert!(matches!(result, Err(DetectError::PathEscapes { .. })), "{path}: {result:?}");
            let request = Request { flags: settings, ..Request::default() };
            assert!(detect_request(&tree, &request).is_err());
        }
    }
}

#[test]
fn ten_thousand_files_take_no_time() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..100 {
        let part = folder.path().join(format!("src/part{n}"));
        fs::create_dir_all(&part).unwrap();
        for m in 0..100 {
            fs::write(part.join(format!("file{m}.ts")), "export {}").unwrap();
        }
    }
    fs::write(folder.path().join("package.json"), r#"{"dependencies": {"next": "15"}}"#).unwrap();
    let tree = Directory::new(folder.path());
    let quickest = (0..5)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(detect(&tree, &BuildSettings::default(), ".").unwrap().framework, "nextjs");
            start.elapsed()
        })
        .min()
        .unwrap();
    // 50 ms is the promise; unoptimised code on a busy machine gets some more.
    assert!(quickest < Duration::from_millis(250), "{quickest:?}");
}

#[test]
fn a_large_hostile_tree_ends_soon() {
    let large = "from flask import Flask\n".repeat(40_000);
    let files = (0..3000).map(|n| (format!("a{}/b{n}/main.py", n % 40), large.clone().into_bytes()));
    let manifests = (0..500).map(|n| (format!("p{n}/package.json"), b"{\"main\": \"x.js\"}".to_vec()));
    let tree = MemoryTree::new(files.chain(manifests));
    let start = Instant::now();
    let _ = detect(&tree, &BuildSettings::default(), ".");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// Names that rules look at, besides nonsense.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec![
            "package.json", "composer.json", "requirements.txt", "pyproject.toml", "pierhead.yaml", "Procfile", "Dockerfile",
            "compose.yaml", "vite.config.js", "next.config.js", "astro.config.mjs", "svelte.config.js", "angular.json",
            "netlify.toml", "vercel.json", "Staticfile", "manage.py", "shop/settings.py", "main.py", "server.js",
            "index.html", "index.php", ".nvmrc", "hugo.toml", "_config.yml", "Gemfile", "Cargo.toml", "go.mod", "app.json",
            "pnpm-workspace.yaml", "apps/web/package.json", "yarn.lock", "docs/conf.py", "mkdocs.yml", "src/index.ts",
            "turbo.json", "deno.json", "Pipfile", "siteConfig.js", "webpack.config.js", "nuxt.config.ts",
        ]).prop_map(str::to_owned),
        1 => "[a-z./ ;$'\"-]{1,20}",
    ]
}

/// Text that looks like what those files hold, with paths that lead out.
fn contents() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec![
        "../../etc",
        "/etc",
        "dist",
        "a/../../b",
        "./x/",
        "$(id)",
        "a b",
        "-rf",
        "`id`",
        "..",
    ]);
    let package = prop::sample::select(vec![
        "next",
        "vite",
        "astro",
        "nuxt",
        "express",
        "@sveltejs/kit",
        "laravel/framework",
        "vitepress",
        "react-scripts",
        "@angular/cli",
        "docusaurus",
        "webpack",
        "@nestjs/core",
        "vue",
    ]);
    prop_oneof![
        (package, path.clone(), path.clone()).prop_map(|(package, a, b)| format!(
            "{{\"main\": \"{a}\", \"scripts\": {{\"build\": \"vitepress build {b}\", \"start\": \"node {a}\"}}, \
             \"dependencies\": {{\"{package}\": \"^1.2\"}}, \"require\": {{\"{package}\": \"^1\"}}, \"workspaces\": [\"{a}/*\", \"apps/*\"], \
             \"extra\": {{\"drupal-scaffold\": {{\"locations\": {{\"web-root\": \"{b}\"}}}}}}, \"outputDirectory\": \"{a}\"}}"
        )),
        path.clone().prop_map(|path| format!(
            "export default {{ output: 'export', distDir: '{path}', outDir: '{path}', build: {{ outDir: '{path}' }}, \
             root: '{path}', pages: '{path}', out: '{path}', outputDir: '{path}', projectName: '{path}' }}"
        )),
        path.clone().prop_map(|path| format!("version: 1\nroot_directory: {path}\nbuild: {{output_directory: \"{path}\"}}\n")),
        path.clone().prop_map(|path| format!("[build]\nbase = \"{path}\"\npublish = \"{path}\"\npublishDir = \"{path}\"\n")),
        path.clone().prop_map(|path| format!("root: {path}\ndestination: {path}\nweb: {path}\nFROM x\nEXPOSE {path}\n-r {path}\n")),
        path.prop_map(|path| format!("WSGI_APPLICATION = '{path}.wsgi.application'\nSTATIC_ROOT = 1\napp = Flask(x)\nDJANGO_SETTINGS_MODULE', '{path}'")),
        ".{0,200}",
        Just(String::new()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_tree_panics_or_leads_out(
        files in prop::collection::btree_map(name(), contents(), 0..8),
        root in prop_oneof![4 => Just(".".to_owned()), 1 => Just("apps/web".to_owned()), 1 => "[a-z./]{0,8}"],
    ) {
        let tree = MemoryTree::new(files);
        match detect(&tree, &BuildSettings::default(), &root) {
            Ok(plan) => {
                stays_inside(&plan);
                let _ = explain(&plan);
                let _ = dockerfile_template(&plan);
                for command in [&plan.install_command, &plan.build_command].into_iter().flatten() {
                    prop_assert!(!command.contains("$(id)") && !command.contains("`id`"), "{command}");
                }
            }
            Err(error) => {
                let _ = error.to_string();
            }
        }
    }
}
