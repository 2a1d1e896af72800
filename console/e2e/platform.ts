/** `pierhead up` in a folder of its own, with repositories to deploy. Everything it makes goes with it. */

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ADMIN = { email: "ada@example.com", password: "correct horse battery" };
const START_MS = 90_000;
const DELETED_MS = 180_000;
const DEPLOYED_MS = 240_000;

/** A deployment stays so until somebody asks for something else. */
const FINAL = ["PRODUCTION", "INACTIVE", "FAILED"];

export interface Options {
  /** Which of the examples, and of those beside this file, there are repositories of. */
  repositories: readonly string[];
  /** Without one, the first administrator is made by the set-up link. */
  hasAdmin: boolean;
  /** Settings of the server. */
  variables?: Record<string, string>;
}

export class Platform {
  readonly admin = ADMIN;
  readonly #folder: string;
  readonly #children: ChildProcess[] = [];
  readonly #images: string[] = [];
  #output = "";
  #api = "";
  #ingressPort = 0;
  #gitPort = 0;
  #token: string | null = null;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start({ repositories, hasAdmin, variables = {} }: Options): Promise<Platform> {
    const platform = new Platform(mkdtempSync(join(tmpdir(), "pierhead-e2e-")));
    try {
      await platform.#serveGit(repositories);
      await platform.#up(hasAdmin, variables);
    } catch (error) {
      await platform.stop();
      throw error;
    }
    return platform;
  }

  /** What the server has said so far. */
  get output(): string {
    return this.#output;
  }

  /** Where the console is. */
  get console(): string {
    return `${this.#api}/console`;
  }

  /** The address that was printed for the first administrator. */
  get setupLink(): string {
    const [, link] = /^Set up\s+(\S+)/m.exec(this.#output) ?? [];
    if (link === undefined) throw new Error(`No set-up link was printed:\n${this.#output}`);
    return link;
  }

  repository(name: string): string {
    return `http://127.0.0.1:${this.#gitPort}/${name}.git`;
  }

  /** Commits a change of one file and pushes it, as a developer would, to the default branch or wherever; its hash. */
  push(name: string, file: string, contents: string, message: string, to?: string): string {
    const clone = mkdtempSync(join(this.#folder, "clone-"));
    const git = (...words: string[]) =>
      execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", ...words], { cwd: clone, stdio: "pipe" });
    git("clone", "--quiet", this.repository(name), ".");
    writeFileSync(join(clone, file), contents);
    git("add", "--all");
    git("commit", "--quiet", "--message", message);
    git("push", "--quiet", "--force", "origin", to === undefined ? "HEAD" : `HEAD:${to}`);
    const hash = git("rev-parse", "HEAD").toString().trim();
    rmSync(clone, { recursive: true });
    return hash;
  }

  /** What a visitor of a hostname gets. */
  async visit(host: string, path = "/"): Promise<string> {
    const { request } = await import("node:http");
    return new Promise((resolve, reject) => {
      const asked = request({ host: "127.0.0.1", port: this.#ingressPort, path, headers: { host } }, (response) => {
        let text = "";
        response.on("data", (piece: Buffer) => (text += piece.toString()));
        response.on("end", () => resolve(text));
      });
      asked.on("error", reject);
      asked.end();
    });
  }

  async signIn(): Promise<{ access_token: string; refresh_token: string; expires_in: number }> {
    const response = await fetch(`${this.#api}/api/v1/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(ADMIN),
    });
    if (!response.ok) throw new Error(`Signing in: ${response.status} ${await response.text()}`);
    return (await response.json()) as { access_token: string; refresh_token: string; expires_in: number };
  }

  /** Asks the API, to prepare what a story is not about. */
  async call<T>(method: string, path: string, body?: object): Promise<T> {
    this.#token ??= (await this.signIn()).access_token;
    const response = await fetch(`${this.#api}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === "" ? null : JSON.parse(text)) as T;
  }

  async deploy(name: string, slot = "production"): Promise<Deployed> {
    const projects = await this.call<{ items: { name: string }[] }>("GET", "/projects");
    if (!projects.items.some((it) => it.name === name)) {
      await this.call("POST", "/projects", { name, source: { repository: this.repository(name) } });
    }
    const { id } = await this.call<Deployed>("POST", `/projects/${name}/deployments`, { slot });
    return this.ended(id);
  }

  /** A deployment once it is live, or has failed. */
  async ended(id: string): Promise<Deployed> {
    for (const end = Date.now() + DEPLOYED_MS; Date.now() < end; ) {
      const deployment = await this.call<Deployed>("GET", `/deployments/${id}?wait=60`);
      if (FINAL.includes(deployment.state)) return deployment;
    }
    throw new Error(`After ${DEPLOYED_MS / 1000} s the deployment ${id} is still on its way.`);
  }

  /** Deletes what is deployed, because containers outlive their server; then ends the server and removes its folder. */
  async stop(): Promise<void> {
    try {
      if (this.#api !== "") await this.#deleteAll();
    } finally {
      await Promise.all(this.#children.map(ended));
      // What the agent has pulled has the same names.
      for (const image of this.#images) spawnSync("docker", ["image", "rm", "--force", image], { stdio: "ignore" });
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  async #deleteAll(): Promise<void> {
    // A story that failed before there was an administrator has deployed nothing.
    if ((await this.signIn().catch(() => null)) === null) return;
    const list = async <T>(path: string) => (await this.call<{ items: T[] }>("GET", path)).items;
    // A site has no process: it goes with the folder.
    const running = (await list<Deployed>("/deployments?limit=200")).filter(({ release_kind }) => release_kind !== "site");
    const projects = new Set(running.map(({ project }) => project));
    for (const name of projects) await this.call("DELETE", `/projects/${name}`);
    for (const end = Date.now() + DELETED_MS; Date.now() < end; ) {
      if (!(await list<{ name: string }>("/projects")).some(({ name }) => projects.has(name))) return;
      await pause(200);
    }
    throw new Error(`After ${DELETED_MS / 1000} s some containers of this test may still run.`);
  }

  /** A registry of this platform's own, known to it, with images that answer with their tag on port 3000. */
  async startRegistry(image: string, tags: readonly string[]): Promise<string> {
    const host = `127.0.0.1:${await freePort()}`;
    const settings = join(this.#folder, "registry.yml");
    const storage = join(this.#folder, "registry");
    mkdirSync(storage);
    writeFileSync(settings, `version: 0.1\nstorage: { filesystem: { rootdirectory: ${storage} } }\nhttp: { addr: "${host}" }\n`);
    const registry = this.#spawn("docker-registry", ["serve", settings], {});
    await untilAnswered(`http://${host}/v2/`, registry);
    for (const tag of tags) {
      const name = `${host}/${image}:${tag}`;
      const program = `require('http').createServer((_, response) => response.end('This is ${tag}')).listen(3000)`;
      const dockerfile = `FROM pierhead/node:22\nCMD ${JSON.stringify(["node", "-e", program])}\n`;
      await this.#run("docker", ["build", "--quiet", "--tag", name, "-"], dockerfile);
      await this.#run("docker", ["push", "--quiet", name], "");
      this.#images.push(name);
    }
    await this.call("POST", "/registries", { name: "tests", host, plain_http: true });
    return host;
  }

  /** The agent of a node that was added, as another machine would run it. Its certificate is in `folder`. */
  async startAgent(token: string, port: number, folder: string): Promise<Agent> {
    const data = join(this.#folder, folder);
    mkdirSync(data, { recursive: true });
    const words = ["agent", "--data-dir", data, "--listen", `127.0.0.1:${port}`, "--subnet-pool", "10.214.0.0/16", "--firewall", "false"];
    const child = this.#spawn(binary(), words, { PIERHEAD_AGENT_TOKEN: token });
    let said = "";
    const hear = (piece: Buffer) => (said += piece.toString());
    child.stdout?.on("data", hear);
    child.stderr?.on("data", hear);
    await until(() => {
      if (child.exitCode !== null) throw new Error(`The agent ended:\n${said}`);
      return said.includes("Listening");
    }, "the agent");
    const [, thumbprint = ""] = /^Thumbprint\s+(\S+)/m.exec(said) ?? [];
    return { thumbprint, stop: () => ended(child), forgetCertificate: () => rmSync(join(data, "link.pem")) };
  }

  async #serveGit(repositories: readonly string[]): Promise<void> {
    const folders = join(this.#folder, "repositories");
    mkdirSync(folders);
    for (const name of repositories) {
      const example = join(ROOT, "examples", name);
      const source = existsSync(example) ? example : join(ROOT, "console/e2e/repositories", name);
      cpSync(source, join(folders, name), { recursive: true });
    }
    const portFile = join(this.#folder, "git.port");
    this.#spawn("python3", [join(ROOT, "scripts/serve-git.py"), folders, portFile], {});
    await until(() => existsSync(portFile) && readFileSync(portFile, "utf8") !== "", "the git server");
    this.#gitPort = Number(readFileSync(portFile, "utf8"));
  }

  async #up(hasAdmin: boolean, variables: Record<string, string>): Promise<void> {
    const data = join(this.#folder, "data");
    mkdirSync(data);
    // Runtimes are made once per machine.
    const runtimes = join(process.env["PIERHEAD_CACHE"] ?? join(homedir(), ".cache/pierhead"), "runtimes");
    if (existsSync(runtimes)) symlinkSync(runtimes, join(data, "runtimes"));
    const port = await freePort();
    this.#ingressPort = await freePort();
    const addresses = ["--listen", `127.0.0.1:${port}`, "--ingress-listen", `127.0.0.1:${this.#ingressPort}`];
    const server = this.#spawn(binary(), ["up", "--data-dir", data, ...addresses], {
      PIERHEAD_ALLOW_ADDRESSES: "127.0.0.0/8,::1/128",
      ...variables,
      ...(hasAdmin ? { PIERHEAD_ADMIN_EMAIL: ADMIN.email, PIERHEAD_ADMIN_PASSWORD: ADMIN.password } : {}),
    });
    const hear = (piece: Buffer) => (this.#output += piece.toString());
    server.stdout?.on("data", hear);
    server.stderr?.on("data", hear);
    await until(() => {
      if (server.exitCode !== null) throw new Error(`The server ended:\n${this.#output}`);
      return this.#output.includes("Ingress");
    }, "the server");
    this.#api = `http://127.0.0.1:${port}`;
  }

  /** To its end, without keeping everything else waiting. */
  async #run(program: string, words: string[], input: string): Promise<void> {
    const child = spawn(program, words, { stdio: ["pipe", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (piece: Buffer) => (said += piece.toString()));
    child.stdin.end(input);
    const code = await new Promise((resolve) => child.once("close", resolve));
    if (code !== 0) throw new Error(`${program} ${words.join(" ")}: ${said}`);
  }

  #spawn(program: string, words: string[], variables: Record<string, string>): ChildProcess {
    const child = spawn(program, words, { env: { ...process.env, ...variables }, stdio: ["ignore", "pipe", "pipe"] });
    this.#children.push(child);
    return child;
  }
}

export interface Agent {
  thumbprint: string;
  stop: () => Promise<void>;
  /** While it is stopped: it makes another one at its next start. */
  forgetCertificate: () => void;
}

export interface Deployed {
  id: string;
  project: string;
  release_kind: string | null;
  number: number;
  state: string;
  url: string;
}

function binary(): string {
  const path = process.env["PIERHEAD_BINARY"];
  if (path === undefined) throw new Error("PIERHEAD_BINARY names no program: run scripts/console.sh e2e.");
  return path;
}

async function until(holds: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + START_MS; Date.now() < end; ) {
    if (holds()) return;
    await pause(50);
  }
  throw new Error(`After ${START_MS / 1000} s ${what} is not ready.`);
}

async function untilAnswered(address: string, child: ChildProcess): Promise<void> {
  for (const end = Date.now() + START_MS; Date.now() < end; ) {
    if (child.exitCode !== null) throw new Error(`What should answer at ${address} has ended.`);
    if (await fetch(address).then(({ ok }) => ok, () => false)) return;
    await pause(50);
  }
  throw new Error(`After ${START_MS / 1000} s nothing answers at ${address}.`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGTERM");
  });
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === "object") resolve(address.port);
        else reject(new Error("This machine gives no port."));
      });
    });
  });
}
