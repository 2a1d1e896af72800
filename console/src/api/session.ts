/**
 * Who is signed in, in this browser.
 *
 * Tokens live in memory and in `sessionStorage`, so that they survive a reload and not the browser. A refresh token is good
 * once, and using it twice ends the session; so tabs tell each other about new tokens, and take turns to ask for them.
 */

import type { components } from "./schema";
import { ProblemError, problemOf, unreachable } from "./problem";

type SignedIn = components["schemas"]["SignedIn"];

interface Tokens {
  access: string;
  refresh: string;
  /** In milliseconds since 1970. */
  expiresAt: number;
}

type Message = { kind: "ask" } | { kind: "tokens"; tokens: Tokens; replaced: string | null } | { kind: "ended" };

const KEY = "pierhead.session";
const LOCK = "pierhead.session.refresh";
/** How long before its end a token is exchanged. */
const MARGIN_MS = 60_000;
/** How long a new tab waits for another one to share its session. */
const ANSWER_MS = 120;

class Session {
  #tokens: Tokens | null = read();
  #refreshing: Promise<boolean> | null = null;
  readonly #listeners = new Set<() => void>();
  readonly #tabs = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(KEY);

  constructor() {
    this.#tabs?.addEventListener("message", (event: MessageEvent<Message>) => {
      this.#heard(event.data);
    });
  }

  get isSignedIn(): boolean {
    return this.#tokens !== null;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Asks the other tabs for their session when this one has none. */
  async adopt(): Promise<void> {
    const tabs = this.#tabs;
    if (this.#tokens !== null || tabs === null) return;
    await new Promise<void>((resolve) => {
      const done = this.subscribe(() => finish());
      const timer = setTimeout(() => finish(), ANSWER_MS);
      const finish = () => {
        clearTimeout(timer);
        done();
        resolve();
      };
      tabs.postMessage({ kind: "ask" } satisfies Message);
    });
  }

  begin(signedIn: SignedIn): void {
    this.#set(fromAnswer(signedIn), null);
  }

  /** Forgets the tokens here and in the other tabs. */
  end(): void {
    if (this.#tokens === null) return;
    this.#tokens = null;
    write(null);
    this.#tabs?.postMessage({ kind: "ended" } satisfies Message);
    this.#notify();
  }

  /** A token to send, exchanged first when it is about to expire; `null` for strangers. */
  async accessToken(): Promise<string | null> {
    const tokens = this.#tokens;
    if (tokens !== null && Date.now() > tokens.expiresAt - MARGIN_MS) await this.renew(tokens.access);
    return this.#tokens?.access ?? null;
  }

  /** Exchanges the refresh token unless `refused` was replaced already; whether there is another token to try. */
  async renew(refused: string): Promise<boolean> {
    if (this.#tokens === null) return false;
    if (this.#tokens.access !== refused) return true;
    this.#refreshing ??= alone(() => this.#exchange(refused)).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #exchange(refused: string): Promise<boolean> {
    const tokens = this.#tokens;
    if (tokens === null) return false;
    // Another tab was here while we waited for our turn.
    if (tokens.access !== refused) return true;
    const response = await fetch("/api/v1/auth/refresh", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ refresh_token: tokens.refresh }),
    }).catch(() => {
      throw unreachable();
    });
    if (response.ok) {
      this.#set(fromAnswer((await response.json()) as SignedIn), tokens.refresh);
      return true;
    }
    const problem = await problemOf(response);
    if (problem.status >= 500 || problem.status === 429) throw problem;
    this.end();
    return false;
  }

  #set(tokens: Tokens, replaced: string | null): void {
    this.#tokens = tokens;
    write(tokens);
    this.#tabs?.postMessage({ kind: "tokens", tokens, replaced } satisfies Message);
    this.#notify();
  }

  #heard(message: Message): void {
    if (message.kind === "ask") {
      if (this.#tokens !== null) {
        this.#tabs?.postMessage({ kind: "tokens", tokens: this.#tokens, replaced: null } satisfies Message);
      }
      return;
    }
    if (message.kind === "ended") {
      if (this.#tokens === null) return;
      this.#tokens = null;
    } else {
      if (this.#tokens !== null && this.#tokens.refresh !== message.replaced) return;
      this.#tokens = message.tokens;
    }
    write(this.#tokens);
    this.#notify();
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

function fromAnswer({ access_token, refresh_token, expires_in }: SignedIn): Tokens {
  return { access: access_token, refresh: refresh_token, expiresAt: Date.now() + expires_in * 1000 };
}

/** Runs one at a time over all tabs, where the browser can do that (it needs HTTPS or localhost). */
async function alone<T>(work: () => Promise<T>): Promise<T> {
  const locks = (navigator as { locks?: LockManager }).locks;
  return locks === undefined ? work() : locks.request(LOCK, work);
}

function read(): Tokens | null {
  try {
    const value = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Partial<Tokens> | null;
    const { access, refresh, expiresAt } = value ?? {};
    if (typeof access !== "string" || typeof refresh !== "string" || typeof expiresAt !== "number") return null;
    return { access, refresh, expiresAt };
  } catch {
    return null;
  }
}

function write(tokens: Tokens | null): void {
  try {
    if (tokens === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, JSON.stringify(tokens));
  } catch {
    // Without storage the session lasts until the next reload.
  }
}

export const session = new Session();

/** Whether an error means that one has to sign in (again). */
export function isSignedOut(error: unknown): boolean {
  return error instanceof ProblemError && error.status === 401;
}
