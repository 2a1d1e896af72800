//! `validate`: project files, checked without a server.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Files to check [default: this folder's pierhead.yaml]
    files: Vec<PathBuf>,
}

pub(crate) fn run(context: &Context, args: &ValidateArgs) -> Result<Exit, Error> {
    let files = if args.files.is_empty() { vec![default_file(context)?] } else { args.files.clone() };
    let mut results = Vec::new();
    let mut all_valid = true;
    for file in files {
        let name = file.display().to_string();
        let text = fs_err::read_to_string(context.path(&file))
            .map_err(|error| Error::local(format!("{name} cannot be read"), error, "Check the path."))?;
        let problem = pierhead_build::project_file::parse(&name, &text).err().map(|error| error.to_string());
        all_valid &= problem.is_none();
        results.push(json!({ "file": name, "valid": problem.is_none(), "problem": problem }));
    }
    context.show(&json!({ "items": results, "next_cursor": null }), || {
        let line = |result: &serde_json::Value| {
            let text = |name: &str| result[name].as_str().unwrap_or_default().to_owned();
            match result["problem"].as_str() {
                Some(problem) => format!("invalid  {problem}"),
                None => format!("valid    {}", text("file")),
            }
        };
        results.iter().map(line).collect()
    })?;
    Ok(if all_valid { Exit::Done } else { Exit::Failure })
}

fn default_file(context: &Context) -> Result<PathBuf, Error> {
    let names = pierhead_build::project_file::NAMES;
    let found = names.iter().map(PathBuf::from).find(|name| context.path(name).is_file());
    found.ok_or_else(|| Error::not_found("there is no pierhead.yaml here", "Write one with: pierhead init"))
}
