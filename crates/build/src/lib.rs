//! A source tree → a build plan; plans, never runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pierhead_model::plan::{BuildPlan, BuildSettings, Kind, Runtime};

/// A folder on disk.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    #[error(
        "No framework was recognised. Looked for a Dockerfile, package.json, requirements.txt, pyproject.toml, manage.py, \
         composer.json, index.php and index.html. Add one of them, or a Dockerfile, or set the root directory."
    )]
    NothingRecognised,
}

fn plain(root: &Path, name: &str) -> Option<String> {
    let path = root.join(name);
    let meta = fs_err::symlink_metadata(&path).ok()?;
    (meta.is_file() && meta.len() < 1 << 20).then(|| fs_err::read_to_string(path).ok()).flatten()
}

pub fn detect(tree: &Directory, settings: &BuildSettings, _root: &str) -> Result<BuildPlan, DetectError> {
    let root = &tree.0;
    let has = |name: &str| plain(root, name).is_some();
    let mut plan = BuildPlan {
        framework: "static".into(),
        kind: Kind::Site,
        runtime: Runtime::Static,
        runtime_version: None,
        package_manager: None,
        root_directory: ".".into(),
        install_command: None,
        build_command: None,
        start_command: None,
        output_directory: Some(".".into()),
        port: None,
        reasons: vec![],
        name: "Static files".into(),
        variables: BTreeMap::new(),
        dependency_inputs: vec![],
        caches: vec![],
        dockerfile: None,
        document_root: None,
        single_page: false,
        processes: BTreeMap::new(),
        release_command: None,
        warnings: vec![],
        alternatives: vec![],
        suggestions: vec![],
    };
    if has("Dockerfile") {
        plan.framework = "dockerfile".into();
        plan.kind = Kind::Image;
        plan.runtime = Runtime::Docker;
        plan.name = "Dockerfile".into();
        plan.output_directory = None;
        plan.dockerfile = Some("Dockerfile".into());
    } else if let Some(package) = plain(root, "package.json") {
        let package: serde_json::Value = serde_json::from_str(&package).unwrap_or_default();
        let script = |name: &str| package["scripts"][name].as_str().map(ToOwned::to_owned);
        let dep = |name: &str| {
            !package["dependencies"][name].is_null() || !package["devDependencies"][name].is_null()
        };
        plan.runtime = Runtime::Node;
        plan.package_manager = Some("npm".into());
        plan.dependency_inputs = vec!["package.json".into(), "package-lock.json".into()];
        plan.install_command = Some(if has("package-lock.json") { "npm ci" } else { "npm install" }.into());
        plan.build_command = script("build").map(|_| "npm run build".into());
        if dep("next") {
            plan.framework = "nextjs".into();
            plan.kind = Kind::Service;
            plan.start_command = Some("npx --no-install next start -H 0.0.0.0 -p $PORT".into());
            plan.port = Some(3000);
            plan.output_directory = None;
        } else if dep("astro") {
            plan.framework = "astro".into();
            plan.output_directory = Some("dist".into());
        } else if dep("vite") {
            plan.framework = "vite".into();
            plan.output_directory = Some("dist".into());
            plan.single_page = true;
        } else {
            plan.framework = if dep("express") { "express" } else { "node" }.into();
            plan.kind = Kind::Service;
            plan.port = Some(3000);
            plan.output_directory = None;
            plan.start_command =
                script("start").map(|_| "npm run start".into()).or_else(|| Some("node index.js".into()));
        }
        if package["dependencies"].is_null() && package["devDependencies"].is_null() {
            plan.install_command = None;
        }
        plan.name = plan.framework.clone();
    } else if has("requirements.txt") {
        plan.runtime = Runtime::Python;
        plan.kind = Kind::Service;
        plan.output_directory = None;
        plan.port = Some(8000);
        let text = plain(root, "requirements.txt").unwrap_or_default().to_lowercase();
        plan.install_command =
            Some("python3 -m venv .venv && .venv/bin/pip install -r requirements.txt".into());
        plan.dependency_inputs = vec!["requirements.txt".into()];
        let module = if has("main.py") { "main" } else { "app" };
        if text.contains("fastapi") {
            plan.framework = "fastapi".into();
            plan.start_command =
                Some(format!(".venv/bin/python -m uvicorn {module}:app --host 0.0.0.0 --port $PORT"));
        } else {
            plan.framework = "flask".into();
            plan.start_command =
                Some(format!(".venv/bin/python -m gunicorn {module}:app --bind 0.0.0.0:$PORT"));
        }
        plan.name = plan.framework.clone();
    } else if has("index.php") {
        plan.framework = "php".into();
        plan.runtime = Runtime::Php;
        plan.kind = Kind::Service;
        plan.output_directory = None;
        plan.port = Some(8080);
        plan.document_root = Some(".".into());
        plan.name = "PHP".into();
    } else if !has("index.html") && !has("public/index.html") {
        return Err(DetectError::NothingRecognised);
    }
    if let Some(v) = &settings.build_command {
        plan.build_command = Some(v.clone()).filter(|v| !v.is_empty());
    }
    if let Some(v) = &settings.install_command {
        plan.install_command = Some(v.clone()).filter(|v| !v.is_empty());
    }
    if let Some(v) = &settings.start_command {
        plan.start_command = Some(v.clone()).filter(|v| !v.is_empty());
    }
    if let Some(v) = &settings.output_directory {
        plan.output_directory = Some(v.clone());
    }
    if let Some(v) = settings.port {
        plan.port = Some(v);
    }
    Ok(plan)
}
