/** A repository over ssh on loopback: a real `sshd` that admits nobody yet. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { freePort } from "./platform";

const START_MS = 20_000;

export class SshGit {
  readonly #folder: string;
  readonly #port: number;
  readonly #server: ChildProcess;

  private constructor(folder: string, port: number, server: ChildProcess) {
    this.#folder = folder;
    this.#port = port;
    this.#server = server;
  }

  static async start(files: Record<string, string>): Promise<SshGit> {
    const folder = mkdtempSync(join(tmpdir(), "pierhead-e2e-ssh-"));
    // Sshd wants that nobody else can write where its keys are, and that everybody can get there.
    chmodSync(folder, 0o755);
    const at = (name: string) => join(folder, name);
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at("host_key")]);
    writeFileSync(at("authorized_keys"), "");
    const port = await freePort();
    const settings = [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${at("host_key")}`,
      `AuthorizedKeysFile ${at("authorized_keys")}`,
      "PidFile none",
      "UsePAM no",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "StrictModes no",
      "PermitRootLogin prohibit-password",
    ];
    writeFileSync(at("config"), `${settings.join("\n")}\n`);
    // Where sshd, as root, shuts its unprivileged half in.
    if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true });
    const tree = at("tree");
    mkdirSync(tree);
    for (const [name, contents] of Object.entries(files)) writeFileSync(join(tree, name), contents);
    const git = (...words: string[]) => execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", ...words], { cwd: tree, stdio: "pipe" });
    git("init", "--quiet", "--initial-branch=main");
    git("add", "--all");
    git("commit", "--quiet", "--message", "The first version");
    git("clone", "--quiet", "--bare", ".", at("site.git"));
    const server = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", at("config")], { stdio: "ignore" });
    const started = new SshGit(folder, port, server);
    await started.#untilItListens();
    return started;
  }

  get address(): string {
    return `ssh://${userInfo().username}@127.0.0.1:${this.#port}${join(this.#folder, "site.git")}`;
  }

  /** As its operator would tell it. */
  get fingerprint(): string {
    const [, fingerprint = ""] = execFileSync("ssh-keygen", ["-l", "-f", join(this.#folder, "host_key.pub")]).toString().split(" ");
    return fingerprint;
  }

  /** What pasting a deploy key into a repository's settings does. */
  admit(publicKey: string): void {
    writeFileSync(join(this.#folder, "authorized_keys"), `${publicKey}\n`);
  }

  stop(): void {
    this.#server.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #untilItListens(): Promise<void> {
    const listens = () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(this.#port, "127.0.0.1", () => resolve(true)).once("error", () => resolve(false));
        socket.once("close", () => resolve(false)).once("connect", () => socket.destroy());
      });
    for (const end = Date.now() + START_MS; Date.now() < end; ) {
      if (await listens()) return;
      if (this.#server.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("sshd is needed: install openssh-server.");
  }
}
