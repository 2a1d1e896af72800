//! `detect`: what would be built, from files alone. No server, no container engine.

use std::path::PathBuf;

use clap::Args;
use pierhead_build::source::Directory;
use pierhead_build::{Request, detect_request, explain};
use pierhead_model::plan::BuildPlan;

use super::deploy::BuildFlags;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::output::safe_text;

#[derive(Debug, Args)]
pub(crate) struct DetectArgs {
    /// The folder [default: this one]
    path: Option<PathBuf>,
    /// Every value with the reason for it
    #[arg(long)]
    explain: bool,
    /// The folder inside of it to plan for
    #[arg(long, value_name = "DIR", default_value = ".")]
    root_directory: String,
    #[command(flatten)]
    build: BuildFlags,
}

pub(crate) fn run(context: &Context, args: &DetectArgs) -> Result<(), Error> {
    let path = args.path.as_ref().map_or_else(|| context.folder.clone(), |path| context.path(path));
    if !path.is_dir() {
        return Err(Error::not_found(format!("there is no folder {}", path.display()), "Check the path."));
    }
    let tree = Directory::new(&path);
    let request =
        Request { root_directory: &args.root_directory, flags: args.build.settings(), ..Request::default() };
    let plan = detect_request(&tree, &request)
        .map_err(|error| Error::local("nothing that can be built was found", error, ""))?;
    let raw =
        serde_json::to_value(&plan).map_err(|error| Error::local("the plan cannot be printed", error, ""))?;
    context.show(&raw, || {
        let text = if args.explain { explain::explain(&plan) } else { summary(&plan) };
        text.lines().map(safe_text::plain).collect()
    })
}

fn summary(plan: &BuildPlan) -> String {
    let runtime = match &plan.runtime_version {
        Some(version) => format!("{} {version}", plan.runtime.as_str()),
        None => plan.runtime.as_str().to_owned(),
    };
    let port = plan.port.map(|port| port.to_string());
    let rows = [
        ("framework", Some(plan.name.as_str())),
        (
            "kind",
            Some(match plan.kind {
                pierhead_model::plan::Kind::Site => "site",
                pierhead_model::plan::Kind::Service => "service",
                pierhead_model::plan::Kind::Image => "image",
            }),
        ),
        ("runtime", Some(runtime.as_str())),
        ("packages", plan.package_manager.as_deref()),
        ("root", Some(plan.root_directory.as_str()).filter(|root| *root != ".")),
        ("install", plan.install_command.as_deref()),
        ("build", plan.build_command.as_deref()),
        ("start", plan.start_command.as_deref()),
        ("output", plan.output_directory.as_deref()),
        ("port", port.as_deref()),
    ];
    let values = rows.into_iter().filter_map(|(label, value)| Some(format!("{label:<10} {}\n", value?)));
    let warnings = plan.warnings.iter().map(|warning| format!("{:<10} {warning}\n", "warning"));
    values.chain(warnings).collect()
}
