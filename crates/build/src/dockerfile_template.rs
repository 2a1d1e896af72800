//! A Dockerfile to start from, for what is recognised without a runtime image.
//!
//! Two stages where the toolchain makes something that stands alone, one where it does not. It is a text for a person to
//! copy and adapt, never built unseen.

use std::fmt::Write as _;

use pierhead_model::plan::{BuildPlan, Kind, Runtime};

/// Images of a toolchain: what builds, and what runs the result when that can be smaller.
struct Images {
    runtime: &'static str,
    build: &'static str,
    version: &'static str,
    run: Option<&'static str>,
}

const IMAGES: &[Images] = &[
    Images { runtime: "go", build: "golang", version: "1.25", run: Some("debian:stable-slim") },
    Images { runtime: "rust", build: "rust", version: "1", run: Some("debian:stable-slim") },
    Images { runtime: "java", build: "eclipse-temurin", version: "21", run: None },
    Images { runtime: "ruby", build: "ruby", version: "3.4", run: None },
    Images { runtime: "elixir", build: "elixir", version: "1.18", run: None },
    Images { runtime: "deno", build: "denoland/deno", version: "latest", run: None },
    Images { runtime: "dotnet", build: "mcr.microsoft.com/dotnet/sdk", version: "9.0", run: None },
    Images { runtime: "gleam", build: "ghcr.io/gleam-lang/gleam", version: "v1.12.0-erlang", run: None },
    Images { runtime: "crystal", build: "crystallang/crystal", version: "latest", run: None },
    Images { runtime: "dart", build: "dart", version: "stable", run: None },
    Images { runtime: "swift", build: "swift", version: "6.1", run: None },
    Images { runtime: "haskell", build: "haskell", version: "9", run: None },
    Images { runtime: "cpp", build: "gcc", version: "14", run: None },
    Images { runtime: "hugo", build: "hugomods/hugo", version: "exts", run: None },
    Images { runtime: "zola", build: "ghcr.io/getzola/zola", version: "v0.21.0", run: None },
    Images { runtime: "mdbook", build: "peaceiris/mdbook", version: "latest", run: None },
    Images { runtime: "meteor", build: "geoffreybooth/meteor-base", version: "3.3", run: None },
];

/// The warning that goes with every plan of this sort.
pub(crate) fn needs_one(name: &str) -> String {
    format!("there is no runtime image for {name}: add a Dockerfile (one to start from comes with this plan)")
}

/// A Dockerfile for a plan whose runtime has no image here; `None` for every other plan.
pub fn dockerfile_template(plan: &BuildPlan) -> Option<String> {
    let Runtime::Other(runtime) = &plan.runtime else { return None };
    let images = IMAGES.iter().find(|images| images.runtime == runtime);
    let (build, default, run) =
        images.map_or(("debian", "stable-slim", None), |found| (found.build, found.version, found.run));
    let version = plan.runtime_version.as_deref().filter(|version| {
        version.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c)) && !version.is_empty()
    });
    let mut text = format!("FROM {build}:{}", version.unwrap_or(default));
    if run.is_some() {
        text.push_str(" AS build");
    }
    text.push_str("\nWORKDIR /app\nCOPY . .\n");
    for command in [&plan.install_command, &plan.build_command].into_iter().flatten() {
        let _ = writeln!(text, "RUN {}", one_line(command));
    }
    if let Some(run) = run {
        let _ = writeln!(text, "\nFROM {run}\nWORKDIR /app\nCOPY --from=build /app /app");
    }
    match (plan.kind, &plan.start_command, &plan.output_directory) {
        (Kind::Site, _, Some(output)) => {
            let _ = writeln!(
                text,
                "\nFROM nginx:stable\nCOPY --from=0 /app/{} /usr/share/nginx/html\nEXPOSE 80",
                one_line(output)
            );
        }
        (_, Some(start), _) => {
            let port = plan.port.unwrap_or(8080);
            let _ = writeln!(text, "ENV PORT={port}\nEXPOSE {port}\nCMD {}", one_line(start));
        }
        _ => {}
    }
    Some(text)
}

fn one_line(command: &str) -> String {
    command.replace(['\n', '\r'], " ")
}
