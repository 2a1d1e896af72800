/**
 * A stand-in for a GitHub Enterprise Server with one app: it knows the app by its signature, asks nobody who they are, and shows
 * what its one user may enter.
 */

import { createHash, createVerify, generateKeyPairSync } from "node:crypto";
import { type IncomingMessage, type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";

const LOGIN = "grace";
const INSTALLATION = 77;
const TOKEN = "ghu_of-grace";

type Answer = [status: number, body: object, headers?: Record<string, string>];

export class GitHub {
  readonly app = { id: 4711, name: "Pierhead of the harbour", slug: "pierhead-harbour", clientId: "Iv23harbour", clientSecret: "the client's secret", webhookSecret: "the webhook's secret" };
  readonly #keys = generateKeyPairSync("rsa", { modulusLength: 2048, privateKeyEncoding: { type: "pkcs8", format: "pem" }, publicKeyEncoding: { type: "spki", format: "pem" } });
  readonly #server: Server;
  readonly #repositories: readonly string[];
  /** Challenges by the code that somebody came back with (RFC 7636). */
  readonly #codes = new Map<string, string>();

  private constructor(repositories: readonly string[]) {
    this.#repositories = repositories;
    this.#server = createServer((request, response) => {
      void bodyOf(request).then((body) => {
        const [status, answer, headers] = this.#answer(request, new URL(request.url ?? "/", this.url), body);
        response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(answer));
      });
    });
  }

  /** The app is let into these, and its user may write to all of them but those that begin with `read-`. */
  static async start(repositories: readonly string[]): Promise<GitHub> {
    const github = new GitHub(repositories);
    await new Promise<void>((resolve) => github.#server.listen(0, "127.0.0.1", resolve));
    return github;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get privateKey(): string {
    return this.#keys.privateKey;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: IncomingMessage, { pathname, searchParams }: URL, body: URLSearchParams): Answer {
    if (pathname === "/login/oauth/authorize") return this.#authorize(searchParams);
    if (pathname === "/login/oauth/access_token") return this.#exchange(body);
    const path = pathname.replace(/^\/api\/v3/, "");
    const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
    if (path.startsWith("/app") || path.endsWith("/installation")) return this.#isApp(token) ? this.#asApp(path) : refused(401);
    return token === TOKEN ? this.#asPerson(path, searchParams) : refused(401);
  }

  /** Its user is signed in, and agrees. */
  #authorize(asked: URLSearchParams): Answer {
    if (asked.get("client_id") !== this.app.clientId || asked.get("code_challenge_method") !== "S256") return refused(404);
    const code = `code-${this.#codes.size}`;
    this.#codes.set(code, asked.get("code_challenge") ?? "");
    const back = new URL(asked.get("redirect_uri") ?? "");
    back.searchParams.set("code", code);
    back.searchParams.set("state", asked.get("state") ?? "");
    return [302, {}, { location: back.href }];
  }

  /** A code is good once, for who holds the verifier of its challenge. */
  #exchange(form: URLSearchParams): Answer {
    const code = form.get("code") ?? "";
    const challenge = this.#codes.get(code);
    this.#codes.set(code, "used");
    const proven = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
    if (form.get("client_secret") !== this.app.clientSecret || challenge !== proven) return [200, { error: "bad_verification_code" }];
    return [200, { access_token: TOKEN, token_type: "bearer", scope: "", expires_in: 28_800, refresh_token: "ghr_of-grace" }];
  }

  #isApp(jwt: string): boolean {
    const [head = "", claims = "", signature = ""] = jwt.split(".");
    return createVerify("RSA-SHA256").update(`${head}.${claims}`).verify(this.#keys.publicKey, signature, "base64url");
  }

  #asApp(path: string): Answer {
    const { id, name, slug, clientId } = this.app;
    if (path === "/app") return [200, { id, name, slug, client_id: clientId }];
    if (path === `/app/installations/${INSTALLATION}/access_tokens`) return [201, { token: "ghs_of-the-app", expires_at: new Date(Date.now() + 3_600_000).toISOString(), permissions: {} }];
    const isThere = this.#repositories.some((it) => path === `/repos/${it}/installation`);
    return isThere ? [200, { id: INSTALLATION, account: { login: "harbour", type: "Organization" }, repository_selection: "selected", permissions: {} }] : refused(404);
  }

  #asPerson(path: string, query: URLSearchParams): Answer {
    if (path === "/user") return [200, { id: 7, login: LOGIN }];
    if (path === "/user/installations") {
      return [200, { installations: [{ id: INSTALLATION, account: { login: "harbour", type: "Organization" }, repository_selection: "selected", suspended_at: null }] }];
    }
    if (path === `/user/installations/${INSTALLATION}/repositories`) {
      const [size, page] = [Number(query.get("per_page") ?? 30), Number(query.get("page") ?? 1)];
      const shown = this.#repositories.slice((page - 1) * size, page * size);
      const link: Record<string, string> = page * size < this.#repositories.length ? { link: `<${this.url}/api/v3${path}?page=${page + 1}>; rel="next"` } : {};
      return [200, { total_count: this.#repositories.length, repositories: shown.map((it) => this.#described(it)) }, link];
    }
    const found = this.#repositories.find((it) => path === `/repos/${it}`);
    return found === undefined ? refused(404) : [200, this.#described(found)];
  }

  #described(name: string): object {
    const push = !name.includes("/read-");
    // As services do, it names an address with TLS.
    const clone_url = `${this.url.replace("http://", "https://")}/${name}.git`;
    return { id: 1 + this.#repositories.indexOf(name), full_name: name, clone_url, default_branch: "main", private: true, pushed_at: "2026-01-02T03:04:05Z", permissions: { admin: false, push, pull: true } };
  }
}

function refused(status: number): Answer {
  return [status, { message: status === 401 ? "Bad credentials" : "Not Found" }];
}

async function bodyOf(request: IncomingMessage): Promise<URLSearchParams> {
  let text = "";
  for await (const piece of request) text += String(piece);
  return new URLSearchParams(text);
}
