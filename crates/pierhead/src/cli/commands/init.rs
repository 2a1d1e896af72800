//! `init`: a commented `pierhead.yaml` with what was detected.

use clap::Args;
use pierhead_build::source::Directory;
use pierhead_model::name::ProjectName;
use pierhead_model::plan::{BuildPlan, BuildSettings};
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::Error;

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The project's name [default: the folder's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A framework's id instead of what is detected
    #[arg(long, value_name = "ID")]
    framework: Option<String>,
    /// Build with the Dockerfile
    #[arg(long, conflicts_with = "framework")]
    dockerfile: bool,
}

pub(crate) fn run(context: &Context, args: &InitArgs) -> Result<(), Error> {
    let path = context.folder.join("pierhead.yaml");
    if path.exists() {
        context.agree("pierhead.yaml exists. Overwrite it?")?;
    }
    let name = project_name(context, args)?;
    let framework = if args.dockerfile { Some("dockerfile".to_owned()) } else { args.framework.clone() };
    let settings = BuildSettings { framework: framework.clone(), ..BuildSettings::default() };
    let plan = pierhead_build::detect(&Directory::new(&context.folder), &settings, ".").ok();
    if plan.is_none() && framework.is_some() {
        return Err(Error::usage(
            "this folder does not fit that framework",
            "See what is recognised: pierhead detect --explain",
        ));
    }
    let text = template(&name, framework.as_deref(), plan.as_ref());
    fs_err::write(&path, text).map_err(|error| {
        Error::local("pierhead.yaml cannot be written", error, "Check that you may write to this folder.")
    })?;
    match &plan {
        Some(plan) => context.say(&format!("Wrote pierhead.yaml for {name}: {}.", plan.name)),
        None => context.say(&format!(
            "Wrote pierhead.yaml for {name}. Nothing was recognised yet: fill in the commands."
        )),
    }
    context.say("Next: commit it, push, and deploy the repository with: pierhead deploy URL");
    if context.json() {
        return context.print_json(
            &json!({ "path": path, "project": name.as_str(), "framework": plan.map(|plan| plan.framework) }),
        );
    }
    Ok(())
}

fn project_name(context: &Context, args: &InitArgs) -> Result<ProjectName, Error> {
    let fix = "Name it with: pierhead init --name NAME";
    if let Some(name) = args.name.as_ref().or(context.globals.project.as_ref()) {
        return ProjectName::parse(name).map_err(|error| Error::usage(error.to_string(), fix));
    }
    let folder = context.folder.canonicalize().unwrap_or_else(|_| context.folder.clone());
    let name = folder.file_name().and_then(|name| ProjectName::from_text(&name.to_string_lossy()));
    name.ok_or_else(|| Error::usage("the folder's name cannot become a project's name", fix))
}

/// What is set stands there, what is detected stands there as a comment, so that it goes on being detected.
fn template(name: &ProjectName, framework: Option<&str>, plan: Option<&BuildPlan>) -> String {
    let mut text = format!(
        "# How Pierhead deploys this project. What is commented out is detected.\nversion: 1\nproject: {name}\n"
    );
    let quoted = |value: &str| serde_json::Value::from(value).to_string();
    match (framework, plan) {
        (Some(framework), _) => text.push_str(&format!("framework: {framework}\n")),
        (None, Some(plan)) => text.push_str(&format!("# framework: {}\n", plan.framework)),
        (None, None) => {}
    }
    let command = |key: &str, value: Option<&String>| {
        value.map_or_else(|| format!("  # {key}:\n"), |value| format!("  # {key}: {}\n", quoted(value)))
    };
    text.push_str("build:\n  builder: auto\n");
    text.push_str(&command("install_command", plan.and_then(|plan| plan.install_command.as_ref())));
    text.push_str(&command("build_command", plan.and_then(|plan| plan.build_command.as_ref())));
    text.push_str(&command("output_directory", plan.and_then(|plan| plan.output_directory.as_ref())));
    if let Some(start) = plan.and_then(|plan| plan.start_command.as_ref()) {
        text.push_str(&format!("# It must listen on 0.0.0.0:$PORT.\n# start_command: {}\n", quoted(start)));
    }
    text.push_str("# health: { path: / }\n# limits: { memory_mb: 512, cpu: 1 }\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_valid_project_file() {
        let name = ProjectName::parse("shop").unwrap();
        let text = template(&name, Some("vite"), None);
        let file = pierhead_build::project_file::parse("pierhead.yaml", &text).unwrap();
        assert_eq!((file.project.as_deref(), file.framework.as_deref()), (Some("shop"), Some("vite")));
    }
}
