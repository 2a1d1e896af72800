//! The command line: arguments → context → one command → exit code.
//!
//! | module | holds |
//! | --- | --- |
//! | [`arguments`], [`aliases`] | the tree, and what people type instead |
//! | [`context`], [`folder`], [`target`] | what a command knows: flags, this folder, which project and deployment is meant |
//! | [`client`] | the REST API; every shape and every path in one place |
//! | [`credentials`] | who is signed in where |
//! | [`deploying`] | watching a deployment until it is live |
//! | [`commands`] | one noun per file |
//! | [`error`], [`exit`] | how failure is told, to people and to scripts |

mod aliases;
pub(crate) mod arguments;
mod client;
#[cfg(test)]
mod command_rows;
mod commands;
mod context;
mod credentials;
mod deploying;
mod error;
mod exit;
mod folder;
mod target;
mod upload;

use std::process::ExitCode;

use clap::FromArgMatches as _;

use crate::environment::Environment;
use crate::output::{Color, Printer, Verbosity};

use arguments::{Cli, Command};
use context::Context;
use error::Error;
use exit::Exit;

/// Runs the program's arguments.
pub(crate) async fn run(arguments: Vec<String>, environment: Environment) -> ExitCode {
    let early = Printer::new(Color::Auto, Verbosity::Normal, &environment);
    let linked = std::env::current_dir()
        .ok()
        .and_then(|here| folder::Facts::gather(&here).ok())
        .is_some_and(|facts| facts.is_linked());
    let (arguments, canonical) = match aliases::rewrite(arguments, linked) {
        aliases::Rewritten::Arguments { arguments, canonical } => (arguments, canonical),
        aliases::Rewritten::Hint { typed, text } => {
            Error::usage(format!("`{typed}` is not done that way here"), text).report(&early, false);
            return Exit::Usage.into();
        }
    };
    let parsed = arguments::command()
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return refused(&early, &error),
    };
    let printer = Printer::new(cli.globals.color(), cli.globals.verbosity(), &environment);
    let as_json = cli.globals.json.is_some();
    let context = match Context::new(cli.globals, environment, printer) {
        Ok(context) => context,
        Err(error) => {
            error.report(&early, as_json);
            return error.exit().into();
        }
    };
    if let Some(canonical) = canonical {
        tell_canonical(&context, &canonical);
    }
    let result = match cli.command {
        Some(command) => dispatch(&context, command).await,
        None => bare(&context, linked),
    };
    match result {
        Ok(exit) => exit,
        Err(error) => {
            error.report(&context.printer, as_json);
            error.exit().into()
        }
    }
}

/// The operating system refused what every command needs.
pub(crate) fn cannot_start(error: &std::io::Error) -> ExitCode {
    let printer = Printer::new(Color::Auto, Verbosity::Normal, &Environment::default());
    let error = Error::local(
        "the program cannot start its threads",
        error,
        "Check the limits on processes (ulimit -u).",
    );
    error.report(&printer, false);
    error.exit().into()
}

/// The parser's own answers: help and version are answers, the rest is usage.
fn refused(printer: &Printer, error: &clap::Error) -> ExitCode {
    let text = error.render().ansi().to_string();
    if error.use_stderr() {
        printer.complain(text.trim_end());
        return Exit::Usage.into();
    }
    // A reader that went away is not a failure.
    let _ = printer.answer(text.trim_end());
    Exit::Done.into()
}

fn bare(context: &Context, linked: bool) -> Result<ExitCode, Error> {
    context.printer.answer(arguments::command().render_help().ansi().to_string().trim_end())?;
    if linked {
        context.say("\nDeploy this folder: pierhead deploy");
    }
    Ok(Exit::Done.into())
}

/// Says the canonical form on a terminal, once for each form and shell.
fn tell_canonical(context: &Context, canonical: &str) {
    if !context.printer.stderr_is_terminal() {
        return;
    }
    let shell = std::os::unix::process::parent_id().to_string();
    let file = context.environment.xdg("XDG_STATE_HOME", ".local/state").map(|folder| folder.join("told"));
    let told = file.as_ref().and_then(|file| fs_err::read_to_string(file).ok()).unwrap_or_default();
    let told = if told.lines().next() == Some(&shell) { told } else { format!("{shell}\n") };
    if told.lines().any(|line| line == canonical) {
        return;
    }
    context.say(&format!("(that is: pierhead {canonical})"));
    if let Some(file) = file {
        // A convenience: where it cannot be kept, the form is told again.
        let _ = file.parent().map(fs_err::create_dir_all);
        let _ = fs_err::write(file, format!("{told}{canonical}\n"));
    }
}

async fn dispatch(context: &Context, command: Command) -> Result<ExitCode, Error> {
    use commands::{
        agent, api, audit, certificates, completions, deploy, deployments, detect, domains, env,
        environments, exec, github, grants, ingress, ingresses, init, invitations, keys, link, logs, metrics,
        nodes, notices, open, pipelines, plugins, projects, ps, registries, runtimes, services, session,
        ship, sign_up, slots, source, status, teams, tokens, up, users, validate, verify, version, visitors,
    };
    match command {
        Command::Up(args) => return Box::pin(up::run(context, &args)).await,
        Command::Agent(args) => return Box::pin(agent::run(context, &args)).await,
        Command::Ingress(args) => return Box::pin(ingress::run(context, &args)).await,
        Command::Verify => return verify::run(context).await.map(ExitCode::from),
        Command::Validate(args) => return validate::run(context, &args).map(ExitCode::from),
        Command::Runtimes(args) => Box::pin(runtimes::run(context, args)).await?,
        Command::Plugins(args) => return Box::pin(plugins::run(context, args)).await.map(ExitCode::from),
        Command::Login(args) => session::login(context, &args).await?,
        Command::Logout(args) => session::logout(context, &args).await?,
        Command::Whoami => session::whoami(context).await?,
        Command::Init(args) => init::run(context, &args)?,
        Command::Link(args) => link::link(context, &args).await?,
        Command::Unlink => link::unlink(context)?,
        Command::Detect(args) => detect::run(context, &args)?,
        Command::Status => status::run(context).await?,
        Command::Open(args) => open::run(context, &args).await?,
        Command::Deploy(args) => Box::pin(deploy::run(context, &args)).await?,
        Command::Redeploy(args) => Box::pin(ship::redeploy(context, &args)).await?,
        Command::Cancel(args) => ship::cancel(context, &args).await?,
        Command::Rollback(args) => Box::pin(ship::rollback(context, &args)).await?,
        Command::Deployments(args) => Box::pin(deployments::run(context, args)).await?,
        Command::Domains(args) => domains::run(context, args).await?,
        Command::Certificates(args) => certificates::run(context, args).await?,
        Command::Slots(args) => slots::run(context, args).await?,
        Command::Projects(args) => projects::run(context, args).await?,
        Command::Ps => ps::run(context).await?,
        Command::Exec(args) => return Box::pin(exec::run(context, &args)).await,
        Command::Metrics(args) => metrics::run(context, &args).await?,
        Command::Logs(args) => Box::pin(logs::run(context, &args)).await?,
        Command::Env(args) => env::run(context, args).await?,
        Command::Pipelines(args) => {
            return Box::pin(pipelines::run(context, &args)).await.map(ExitCode::from);
        }
        Command::Github(args) => github::run(context, &args).await?,
        Command::Visitors(args) => visitors::run(context, &args).await?,
        Command::Notifications(args) => notices::run(context, &args).await?,
        Command::Source(args) => source::run(context, &args).await?,
        Command::Services(args) => services::run(context, &args).await?,
        Command::Registries(args) => return registries::run(context, &args).await.map(ExitCode::from),
        Command::Environments(args) => environments::run(context, &args).await?,
        Command::Ingresses(args) => ingresses::run(context, &args).await?,
        Command::Nodes(args) => nodes::run(context, &args).await?,
        Command::Tokens(args) => tokens::run(context, args).await?,
        Command::Teams(args) => teams::run(context, &args).await?,
        Command::Invitations(args) => invitations::run(context, &args).await?,
        Command::Grants(args) => grants::run(context, &args).await?,
        Command::Users(args) => users::run(context, &args).await?,
        Command::SignUp(args) => sign_up::sign_up(context, &args).await?,
        Command::Identities(args) => users::identities(context, &args).await?,
        Command::Keys(args) => keys::run(context, &args).await?,
        Command::Mail(args) => sign_up::mail(context, &args).await?,
        Command::Sessions(args) => users::sessions(context, &args).await?,
        Command::Audit(args) => audit::run(context, &args).await?,
        Command::Api(args) => api::run(context, &args).await?,
        Command::Completions(args) => completions::run(context, &args)?,
        Command::Version(args) => version::run(context, &args).await?,
    }
    Ok(Exit::Done.into())
}
