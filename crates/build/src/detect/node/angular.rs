//! `angular.json`: the application, its output folder, and whether it renders on a server.

use serde_json::Value;

use crate::facts::Facts;
use crate::source::path;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Application {
    /// The folder with `index.html`.
    pub(crate) browser: String,
    /// The server's entry, when server rendering is on.
    pub(crate) server: Option<String>,
}

/// The default project, or the first application.
pub(crate) fn application(facts: &Facts<'_>) -> Option<Application> {
    let workspace: Value = serde_json::from_str(&facts.text("angular.json")?).ok()?;
    let projects = workspace.get("projects")?.as_object()?;
    let default = workspace.get("defaultProject").and_then(Value::as_str);
    let (name, project) = projects.iter().find(|(name, _)| Some(name.as_str()) == default).or_else(|| {
        projects.iter().find(|(_, project)| {
            project.get("projectType").and_then(Value::as_str).is_none_or(|kind| kind == "application")
        })
    })?;
    let targets = project.get("architect").or_else(|| project.get("targets"))?;
    let build = targets.get("build")?;
    let options = build.get("options").unwrap_or(&Value::Null);
    let builder = build.get("builder").and_then(Value::as_str).unwrap_or_default();
    let is_application = builder.ends_with(":application");
    let default_base = format!("dist/{name}");
    let (base, browser) = match options.get("outputPath") {
        Some(Value::String(base)) => (base.clone(), "browser".to_owned()),
        Some(Value::Object(paths)) => (
            paths.get("base").and_then(Value::as_str).unwrap_or(&default_base).to_owned(),
            paths.get("browser").and_then(Value::as_str).unwrap_or("browser").to_owned(),
        ),
        _ => (default_base, "browser".to_owned()),
    };
    let base = path::normalise(&base)?;
    let browser = if is_application { path::normalise(&format!("{base}/{browser}"))? } else { base.clone() };
    let mode = options.get("outputMode").and_then(Value::as_str);
    let renders = match options.get("ssr") {
        Some(Value::Bool(renders)) => *renders,
        Some(Value::Object(_)) => true,
        _ => mode == Some("server"),
    };
    let server = if is_application && renders && mode != Some("static") {
        Some(format!("{base}/server/server.mjs"))
    } else if !is_application && targets.get("server").is_some() {
        let output = targets.get("server")?.get("options")?.get("outputPath")?.as_str()?;
        Some(format!("{}/main.js", path::normalise(output)?))
    } else {
        None
    };
    Some(Application { browser, server: server.filter(|path| path::is_shell_safe(path)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{MemoryTree, SourceTree};

    fn read(json: &str) -> Option<Application> {
        let tree = MemoryTree::new([("angular.json", json)]);
        application(&Facts::new(&tree, &tree.list(), "."))
    }

    #[test]
    fn output_paths() {
        let table = [
            (r#"{"builder":"@angular/build:application","options":{}}"#, "dist/shop/browser", None),
            (r#"{"builder":"@x:application","options":{"outputPath":"out"}}"#, "out/browser", None),
            (
                r#"{"builder":"@x:application","options":{"outputPath":{"base":"out","browser":""}}}"#,
                "out",
                None,
            ),
            (r#"{"builder":"@x:browser","options":{"outputPath":"dist/a"}}"#, "dist/a", None),
            (
                r#"{"builder":"@x:application","options":{"ssr":{"entry":"server.ts"},"outputMode":"server"}}"#,
                "dist/shop/browser",
                Some("dist/shop/server/server.mjs"),
            ),
            (
                r#"{"builder":"@x:application","options":{"ssr":true,"outputMode":"static"}}"#,
                "dist/shop/browser",
                None,
            ),
        ];
        for (build, browser, server) in table {
            let json = format!(
                r#"{{"projects":{{"shop":{{"projectType":"application","architect":{{"build":{build}}}}}}}}}"#
            );
            let application = read(&json).unwrap();
            assert_eq!(
                (application.browser.as_str(), application.server.as_deref()),
                (browser, server),
                "{build}"
            );
        }
        let escaping = r#"{"projects":{"a":{"architect":{"build":{"options":{"outputPath":"../../x"}}}}}}"#;
        assert_eq!(read(escaping), None);
        assert_eq!(read("[]"), None);
    }
}
