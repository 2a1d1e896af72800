/**
 * Whether somebody is signed in, in this browser.
 *
 * The session itself is in a cookie that no page can read. A page has the token that every change sends along, to prove that the
 * change comes from a page of this server; without the cookie it is worth nothing. Tabs share the cookie, so they tell each
 * other when it changes.
 */

import { ProblemError, problemOf, unreachable } from "./problem";

const CHANNEL = "pierhead.session";

class Session {
  #csrf: string | null = null;
  #asking: Promise<void> | null = null;
  readonly #listeners = new Set<() => void>();
  readonly #tabs = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(CHANNEL);

  constructor() {
    this.#tabs?.addEventListener("message", () => void this.ask().catch(() => undefined));
  }

  get isSignedIn(): boolean {
    return this.#csrf !== null;
  }

  /** What a change sends along; `null` for strangers. */
  get csrf(): string | null {
    return this.#csrf;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Asks the server whether the cookie of this browser is good. */
  async ask(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  /** Somebody signed in on this page. */
  begin({ csrf_token }: { csrf_token: string }): void {
    this.#set(csrf_token);
    this.#tabs?.postMessage("changed");
  }

  /** The session is over, for all tabs. */
  end(): void {
    if (this.#csrf === null) return;
    this.#set(null);
    this.#tabs?.postMessage("changed");
  }

  async #ask(): Promise<void> {
    const response = await fetch("/api/v1/auth/session").catch(() => {
      throw unreachable();
    });
    if (!response.ok) throw await problemOf(response);
    this.#set(((await response.json()) as { csrf_token: string | null }).csrf_token);
  }

  #set(csrf: string | null): void {
    if (this.#csrf === csrf) return;
    this.#csrf = csrf;
    for (const listener of this.#listeners) listener();
  }
}

export const session = new Session();

/** Whether an error means that one has to sign in (again). */
export function isSignedOut(error: unknown): boolean {
  return error instanceof ProblemError && error.status === 401;
}
