#!/usr/local/bin/node
// pnpm, pnpx and yarn, each in the version that the project asks for.
//
// The version is the one of `packageManager` in package.json, else the one that wrote the lockfile, else one that most
// projects work with. Those that the image holds need no network. Another one is fetched by corepack when packages are
// installed; a script is run by the image's own of the same line, because a service must start without any network.
"use strict";
const fs = require("node:fs");
const path = require("node:path");

const folder = __dirname;
// The versions in the image, the usual one first.
const held = {
  pnpm: [
    { line: 10, folder: "pnpm-10", program: "bin/pnpm.cjs" },
    { line: 8, folder: "pnpm-8", program: "bin/pnpm.cjs" },
  ],
  yarn: [
    { line: 1, folder: "yarn-1", program: "bin/yarn.js" },
    { line: 4, folder: "yarn-4", program: "bin/yarn.js" },
    { line: 3, folder: "yarn-3", program: "bin/yarn.js" },
  ],
};
const installing = new Set(
  "add ci dedupe deploy dlx fetch i import install prune rebuild remove up update upgrade workspaces".split(" "),
);

const called = path.basename(process.argv[1]);
const name = called === "yarn" ? "yarn" : "pnpm";
const given = process.argv.slice(2);
const parameters = called === "pnpx" ? ["dlx", ...given] : given;

function head(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

// `pnpm@9.1.0+sha512.…` in the nearest package.json that names this package manager: its version.
function declared(text) {
  try {
    const field = JSON.parse(text).packageManager;
    const [, manager, version] = /^([a-z]+)@(\d+\.\d+\.\d+[^+]*)/.exec(field);
    return manager === name ? version : undefined;
  } catch {
    return undefined;
  }
}

// The line of the version that wrote a lockfile, where it cannot be read by a newer one.
function lineOfLockfile(text) {
  if (name === "pnpm") {
    const format = Number.parseInt(/^lockfileVersion:\s*['"]?(\d+)/m.exec(text)?.[1], 10);
    return format < 6 ? 7 : format < 9 ? 8 : 10;
  }
  const format = /^__metadata:\s+version:\s*(\d+)/m.exec(text)?.[1];
  if (format === undefined) return 1;
  return Number(format) < 8 ? 3 : 4;
}

function project() {
  const found = {};
  for (let at = process.cwd(); ; at = path.dirname(at)) {
    found.version ??= declared(head(path.join(at, "package.json")));
    const lockfile = head(path.join(at, name === "pnpm" ? "pnpm-lock.yaml" : "yarn.lock"));
    if (found.line === undefined && lockfile) found.line = lineOfLockfile(lockfile);
    if (at === path.dirname(at)) return found;
  }
}

function isFetched(version) {
  const home = process.env.COREPACK_HOME ?? path.join(process.env.HOME ?? "", ".cache/node/corepack");
  return fs.existsSync(path.join(home, "v1", name, version));
}

function run(manager) {
  const program = path.join(folder, manager.folder, manager.program);
  process.argv = [process.argv[0], program, ...parameters];
  require(program);
}

function fetchAndRun(specification) {
  // Corepack would take yarn from a host of its own; the registry has it too.
  process.env.COREPACK_NPM_REGISTRY ??= process.env.NPM_CONFIG_REGISTRY ?? "https://registry.npmjs.org";
  process.env.COREPACK_ENABLE_DOWNLOAD_PROMPT ??= "0";
  require(path.join(folder, "corepack/dist/lib/corepack.cjs")).runMain([specification, ...parameters]);
}

function main() {
  const { version, line } = project();
  const managers = held[name];
  if (version === undefined) {
    const own = managers.find((manager) => manager.line === (line ?? managers[0].line));
    return own ? run(own) : fetchAndRun(`${name}@${line}`);
  }
  const same = managers.find((manager) => manager.line === Number.parseInt(version, 10));
  const own = same && JSON.parse(head(path.join(folder, same.folder, "package.json"))).version;
  const command = parameters.find((parameter) => !parameter.startsWith("-"));
  const installs = command === undefined ? name === "yarn" : installing.has(command);
  if (version !== own && (installs || isFetched(version))) return fetchAndRun(name);
  // Another version than the declared one is meant here; pnpm would fetch the declared one by itself.
  process.env.npm_config_manage_package_manager_versions = "false";
  process.env.npm_config_package_manager_strict = "false";
  return run(same ?? managers[0]);
}

main();
