//! What build steps build: their own repository, or that of the project, at what a deployment was asked for.

use super::definition::{BuildStep, Pipeline, Step};
use super::document::Problem;
use crate::project::GitSource;
use crate::source::GitReference;

/// The pipeline with the sources of every build step filled in.
///
/// A step that names no repository builds the project's. `asked` is the branch, tag or commit that a deployment is to be of: it
/// goes to every step that builds the project's repository and names no other reference than the project's branch.
pub fn with_sources(
    mut pipeline: Pipeline,
    project: Option<&GitSource>,
    asked: Option<&GitReference>,
) -> Result<Pipeline, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut taken = false;
    for (name, step) in &mut pipeline.steps {
        let Step::Build(build) = step else { continue };
        match project {
            Some(source) => taken |= fill(build, source, asked),
            None if build.repository.is_none() => problems.push(Problem::error(
                format!("steps.{name}.repository"),
                "the step names no repository, and neither does the project: set it here, or the project's `source.repository`",
            )),
            None => {}
        }
    }
    if let (Some(asked), false) = (asked, taken) {
        problems.push(Problem::error(
            "ref",
            format!("no step builds the project's repository, so there is nothing to take at `{asked}`"),
        ));
    }
    if problems.is_empty() { Ok(pipeline) } else { Err(problems) }
}

/// Whether the step builds what was asked for.
fn fill(build: &mut BuildStep, project: &GitSource, asked: Option<&GitReference>) -> bool {
    match &build.repository {
        None => {
            build.repository = Some(project.repository.clone());
            let folder = Some(project.root_directory.clone()).filter(|folder| !folder.is_root());
            build.root_directory = build.root_directory.take().or(folder);
        }
        Some(named) if *named != project.repository => return false,
        Some(_) => {}
    }
    if build.reference.is_some() && build.reference != project.branch {
        return false;
    }
    build.reference = asked.or(project.branch.as_ref()).cloned();
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Format, read};
    use crate::source::{Folder, RepositoryUrl};

    const SHOP: &str = "https://example.com/acme/shop.git";

    fn project() -> GitSource {
        GitSource {
            repository: RepositoryUrl::parse(SHOP).unwrap(),
            branch: Some(GitReference::parse("main").unwrap()),
            root_directory: Folder::parse("web").unwrap(),
        }
    }

    /// Repository, reference and root directory of the only step.
    fn filled(step: &str, source: Option<&GitSource>, asked: Option<&str>) -> Result<[String; 3], String> {
        let text = format!("version: 1\nsteps:\n  web: {{ kind: build{step} }}\n");
        let pipeline = read(&text, Format::Yaml).unwrap().pipeline;
        let asked = asked.map(|text| GitReference::parse(text).unwrap());
        let pipeline = with_sources(pipeline, source, asked.as_ref())
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
        let Some(Step::Build(build)) = pipeline.steps.into_values().next() else { panic!("a build step") };
        let text = |value: Option<String>| value.unwrap_or_default();
        Ok([
            text(build.repository.map(|it| it.to_string())),
            text(build.reference.map(|it| it.to_string())),
            text(build.root_directory.map(|it| it.to_string())),
        ])
    }

    #[test]
    fn a_step_builds_its_own_repository_or_the_projects_at_what_was_asked_for() {
        let other = ", repository: \"https://example.com/acme/other.git\"";
        let same = format!(", repository: \"{SHOP}\"");
        for (step, asked, expected) in [
            ("", None, [SHOP, "main", "web"]),
            ("", Some("v2"), [SHOP, "v2", "web"]),
            (", root_directory: api", Some("v2"), [SHOP, "v2", "api"]),
            (&same, Some("v2"), [SHOP, "v2", ""]),
            (&same, None, [SHOP, "main", ""]),
            (&format!("{same}, reference: main"), Some("v2"), [SHOP, "v2", ""]),
            (&format!("{same}, reference: pinned"), None, [SHOP, "pinned", ""]),
            (other, None, ["https://example.com/acme/other.git", "", ""]),
        ] {
            let filled = filled(step, Some(&project()), asked).unwrap();
            assert_eq!(filled, expected.map(str::to_owned), "{step} at {asked:?}");
        }
    }

    #[test]
    fn what_cannot_be_built_is_told() {
        let refused = |step: &str, source, asked| filled(step, source, asked).unwrap_err();
        assert!(refused("", None, None).contains("steps.web.repository"));
        let other = ", repository: \"https://example.com/acme/other.git\"";
        let project = project();
        assert!(
            refused(other, Some(&project), Some("v2")).contains("no step builds the project's repository")
        );
        let pinned = format!(", repository: \"{SHOP}\", reference: pinned");
        assert!(refused(&pinned, Some(&project), Some("v2")).contains("`v2`"));
    }
}
