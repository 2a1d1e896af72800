//! The registry as command-line flags.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::registry::{self, KEYS, Key};

/// The flags that were given, by the key's name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags(pub(crate) BTreeMap<&'static str, String>);

/// The same for `pierhead agent`, whose help shows only what an agent reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct AgentFlags(pub(crate) Flags);

/// What an agent reads.
const OF_AGENT: [&Key; 14] = [
    &registry::DATA_DIR,
    &registry::LISTEN,
    &registry::CONTROL_ADDRESS,
    &registry::AGENT_TOKEN,
    &registry::ALLOW_ADDRESSES,
    &registry::BUILD_CA_BUNDLE,
    &registry::BUILD_CONCURRENCY,
    &registry::ENGINE_SOCKET,
    &registry::DISK_RESERVE_MB,
    &registry::FIREWALL,
    &registry::SUBNET_POOL,
    &registry::LOG_FORMAT,
    &registry::LOG_LEVEL,
    &registry::CRASH_AT,
];

impl Args for AgentFlags {
    fn augment_args(command: Command) -> Command {
        let command = hide_others(Flags::augment_args(command), &OF_AGENT);
        command.mut_arg(registry::LISTEN.name, |arg| {
            arg.help("Where the control plane calls this agent [default: 0.0.0.0:8410] [variable: PIERHEAD_LISTEN]")
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The same for `pierhead ingress`.
#[derive(Debug, Clone, Default)]
pub(crate) struct IngressFlags(pub(crate) Flags);

/// What an ingress of its own reads.
const OF_INGRESS: [&Key; 11] = [
    &registry::DATA_DIR,
    &registry::INGRESS_LISTEN,
    &registry::INGRESS_TLS_LISTEN,
    &registry::ACCESS_LOG,
    &registry::TRUSTED_PROXIES,
    &registry::CERTIFICATES,
    &registry::CONTROL_ADDRESS,
    &registry::INGRESS_TOKEN,
    &registry::INGRESS_CACHE_MB,
    &registry::LOG_FORMAT,
    &registry::LOG_LEVEL,
];

impl Args for IngressFlags {
    fn augment_args(command: Command) -> Command {
        hide_others(Flags::augment_args(command), &OF_INGRESS)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for IngressFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Flags::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

/// Help shows only what is read.
fn hide_others(command: Command, shown: &[&Key]) -> Command {
    let others = KEYS.iter().filter(|key| key.exists() && !shown.iter().any(|own| own.name == key.name));
    others.fold(command, |command, key| command.mut_arg(key.name, |arg| arg.hide(true)))
}

impl FromArgMatches for AgentFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Flags::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let keys = KEYS.iter().filter(|key| key.exists());
        keys.fold(command, |command, key| {
            let help = format!("{} [default: {}] [variable: {}]", key.help, key.default_text(), key.variable);
            command.arg(Arg::new(key.name).long(key.flag).value_name(key.value).help(help))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let keys = KEYS.iter().filter(|key| key.exists());
        let given = keys.filter_map(|key| Some((key.name, matches.get_one::<String>(key.name)?.clone())));
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
