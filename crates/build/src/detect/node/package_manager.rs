//! Which package manager a project uses, and how that one installs, runs a script and runs a program.
//!
//! Order: the `packageManager` field, then the lockfile, then `engines`, then npm.

use crate::draft::Found;
use crate::facts::Facts;

use super::manifest::{FILE, PackageJson};

/// Where Bun is put: it is not part of the runtime image, but the npm registry has it.
const BUN_PATH: &str = "PATH=\"/app/.bun/node_modules/.bin:$PATH\"";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manager {
    Npm,
    Pnpm,
    Yarn,
    /// Yarn 2 and later.
    Berry,
    Bun,
}

#[derive(Debug, Clone)]
pub(crate) struct PackageManager {
    pub(crate) manager: Manager,
    pub(crate) name: Found<String>,
    pub(crate) lockfile: Option<&'static str>,
    /// Berry without a `node_modules` folder: node must be started through yarn.
    plug_and_play: bool,
    pub(crate) warnings: Vec<String>,
}

const LOCKFILES: &[(&str, Manager)] = &[
    ("pnpm-lock.yaml", Manager::Pnpm),
    ("yarn.lock", Manager::Yarn),
    ("bun.lock", Manager::Bun),
    ("bun.lockb", Manager::Bun),
    ("package-lock.json", Manager::Npm),
    ("npm-shrinkwrap.json", Manager::Npm),
];

impl PackageManager {
    /// `facts` are those of the folder that is installed, which in a workspace is its root.
    pub(crate) fn detect(facts: &Facts<'_>, manifest: &PackageJson) -> Self {
        let mut warnings = Vec::new();
        let present: Vec<_> = LOCKFILES.iter().filter(|(file, _)| facts.has(file)).collect();
        let declared = manifest.field("packageManager").and_then(|field| {
            let manager = parse(field.split('@').next()?)?;
            let because = format!("`\"packageManager\": \"{field}\"` in {FILE}");
            Some((manager, Found::detected((), because).at(FILE, manifest.line("", "packageManager"))))
        });
        let locked = present.first().map(|(file, manager)| {
            (*manager, Found::detected((), format!("{file} is its lockfile")).at(*file, None))
        });
        let engine = ["pnpm", "yarn", "bun", "npm"].into_iter().find_map(|name| {
            manifest.nested("engines", name)?;
            let found = Found::detected((), format!("`engines.{name}` in {FILE}"));
            Some((parse(name)?, found.at(FILE, manifest.line("engines", name))))
        });
        let (mut manager, found) = declared.or(locked).or(engine).unwrap_or_else(|| {
            (Manager::Npm, Found::default((), "no lockfile and no `packageManager`: npm"))
        });
        if manager == Manager::Yarn && is_berry(facts, manifest) {
            manager = Manager::Berry;
        }
        let same = |other: Manager| name(other) == name(manager);
        let lockfile = present.iter().find(|(_, owner)| same(*owner)).map(|(file, _)| *file);
        let others: Vec<&str> =
            present.iter().filter(|(_, owner)| !same(*owner)).map(|(file, _)| *file).collect();
        if !others.is_empty() {
            let others = others.join(", ");
            warnings.push(format!(
                "{} is used; {others} of another package manager is ignored, remove it",
                name(manager)
            ));
        }
        if lockfile.is_none() && manifest.needs_install() {
            warnings.push(format!(
                "there is no lockfile of {}, so two builds of one commit can differ: commit one",
                name(manager)
            ));
        }
        let plug_and_play = manager == Manager::Berry
            && !facts.contains(".yarnrc.yml", "nodeLinker: node-modules")
            && !facts.contains(".yarnrc.yml", "nodeLinker: pnpm");
        let name = found.map(|()| name(manager).to_owned());
        Self { manager, name, lockfile, plug_and_play, warnings }
    }

    pub(crate) fn install(&self) -> Found<String> {
        let (command, because) = match (self.manager, self.lockfile) {
            (Manager::Npm, Some(_)) => ("npm ci", "exactly what the lockfile says"),
            (Manager::Npm, None) => ("npm install", "without a lockfile"),
            (Manager::Pnpm, Some(_)) => {
                ("pnpm install --frozen-lockfile --prefer-offline", "exactly what the lockfile says")
            }
            (Manager::Pnpm, None) => ("pnpm install", "without a lockfile"),
            (Manager::Yarn, Some(_)) => ("yarn install --frozen-lockfile", "exactly what the lockfile says"),
            (Manager::Yarn, None) | (Manager::Berry, None) => ("yarn install", "without a lockfile"),
            (Manager::Berry, Some(_)) => ("yarn install --immutable", "exactly what the lockfile says"),
            (Manager::Bun, Some(_)) => ("bun install --frozen-lockfile", "exactly what the lockfile says"),
            (Manager::Bun, None) => ("bun install", "without a lockfile"),
        };
        let command = if self.manager == Manager::Bun {
            format!("npm install --prefix .bun --no-save bun@1 && {BUN_PATH} {command}")
        } else {
            command.to_owned()
        };
        let found = Found::detected(command, format!("{} installs {because}", self.name.value));
        match self.lockfile {
            Some(file) => found.at(file, None),
            None => found,
        }
    }

    /// Runs a script of `package.json`.
    pub(crate) fn run(&self, script: &str) -> String {
        match self.manager {
            Manager::Npm => format!("npm run {script}"),
            Manager::Pnpm => format!("pnpm run {script}"),
            Manager::Yarn | Manager::Berry => format!("yarn run {script}"),
            Manager::Bun => format!("{BUN_PATH} bun run {script}"),
        }
    }

    /// Runs a program: `node …` as it is, anything else from the project's dependencies, never from the registry.
    pub(crate) fn exec(&self, command: &str) -> String {
        if command.starts_with("npx ") {
            return command.to_owned();
        }
        if command.starts_with("node ") {
            return if self.plug_and_play { format!("yarn {command}") } else { command.to_owned() };
        }
        match self.manager {
            Manager::Npm => format!("npx --no-install {command}"),
            Manager::Pnpm => format!("pnpm exec {command}"),
            Manager::Yarn | Manager::Berry => format!("yarn run {command}"),
            Manager::Bun => format!("{BUN_PATH} bun x --no-install {command}"),
        }
    }
}

fn parse(name: &str) -> Option<Manager> {
    match name {
        "npm" => Some(Manager::Npm),
        "pnpm" => Some(Manager::Pnpm),
        "yarn" => Some(Manager::Yarn),
        "bun" => Some(Manager::Bun),
        _ => None,
    }
}

fn name(manager: Manager) -> &'static str {
    match manager {
        Manager::Npm => "npm",
        Manager::Pnpm => "pnpm",
        Manager::Yarn | Manager::Berry => "yarn",
        Manager::Bun => "bun",
    }
}

fn is_berry(facts: &Facts<'_>, manifest: &PackageJson) -> bool {
    if let Some(version) = manifest.field("packageManager").and_then(|field| field.strip_prefix("yarn@")) {
        return !version.starts_with("1.") && !version.starts_with("0.");
    }
    facts.has(".yarnrc.yml") || facts.head("yarn.lock").is_some_and(|head| head.contains("__metadata:"))
}

/// Files that decide what is installed; only those that exist.
pub(crate) fn inputs(facts: &Facts<'_>) -> Vec<String> {
    const NAMES: &[&str] = &[
        FILE,
        ".npmrc",
        ".yarnrc",
        ".yarnrc.yml",
        ".pnpmfile.cjs",
        "bunfig.toml",
        "pnpm-workspace.yaml",
        "prisma/schema.prisma",
        "schema.prisma",
    ];
    let locks = LOCKFILES.iter().map(|(file, _)| *file);
    let mut inputs: Vec<String> =
        NAMES.iter().copied().chain(locks).filter(|file| facts.has(file)).map(str::to_owned).collect();
    let folders = ["patches/", ".yarn/patches/", ".yarn/releases/", ".yarn/plugins/"];
    inputs.extend(
        facts.files().filter(|file| folders.iter().any(|folder| file.starts_with(folder))).map(str::to_owned),
    );
    inputs
}
