/**
 * The stream of events: one WebSocket for the whole console.
 *
 * Every transition makes what it touches stale in the query cache. After a cut it goes on behind the last event it heard,
 * and everything that is visible is read again.
 */

import type { Query, QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import type { Schemas } from "./client";
import { keys } from "./keys";
import { isShort, moved, wentLive } from "./long-lists";
import { session } from "./session";

export type LiveStatus = "connecting" | "live" | "offline";
export type TransitionEvent = Schemas["TransitionEvent"];

const SIGN_IN_FIRST = 4401;
const LONGEST_PAUSE_MS = 15_000;
/** Events that come together invalidate together. */
const GATHER_MS = 120;

class Live {
  #status: LiveStatus = "connecting";
  #socket: WebSocket | null = null;
  #client: QueryClient | null = null;
  #last: number | null = null;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #gathered: TransitionEvent[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #followers = new Set<(event: TransitionEvent) => void>();

  get status(): LiveStatus {
    return this.#status;
  }

  start(client: QueryClient): () => void {
    this.#client = client;
    const wake = () => {
      if (this.#socket === null) this.#connectSoon(0);
    };
    window.addEventListener("online", wake);
    document.addEventListener("visibilitychange", wake);
    this.#connectSoon(0);
    return () => {
      window.removeEventListener("online", wake);
      document.removeEventListener("visibilitychange", wake);
      this.#client = null;
      this.#last = null;
      clearTimeout(this.#timer);
      this.#socket?.close(1000);
      this.#socket = null;
    };
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Hears every event as it comes. */
  follow(follower: (event: TransitionEvent) => void): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  #connectSoon(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), afterMs);
  }

  #connect(): void {
    if (this.#client === null || this.#socket !== null) return;
    // The shell starts us again after the next sign-in.
    if (!session.isSignedIn) return;
    const address = new URL("/api/v1/events", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    if (this.#last !== null) address.searchParams.set("after", String(this.#last));
    const socket = new WebSocket(address);
    this.#socket = socket;
    const isAgain = this.#failures > 0 || this.#last !== null;
    let hasOpened = false;
    socket.addEventListener("open", () => {
      hasOpened = true;
      this.#failures = 0;
      this.#set("live");
      // The events behind the last one that was heard come again, and are written into long lists.
      if (isAgain) void this.#client?.invalidateQueries({ predicate: isShort });
    });
    socket.addEventListener("message", (message: MessageEvent<string>) => {
      this.#heard(JSON.parse(message.data) as TransitionEvent);
    });
    socket.addEventListener("close", ({ code }) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      // A refusal before it opened does not say why.
      if (code === SIGN_IN_FIRST || !hasOpened) void session.ask().catch(() => undefined);
      this.#retry();
    });
  }

  #retry(): void {
    if (this.#client === null) return;
    this.#failures += 1;
    this.#set(this.#failures > 1 ? "offline" : "connecting");
    const pause = Math.min(LONGEST_PAUSE_MS, 400 * 2 ** Math.min(this.#failures, 6));
    this.#connectSoon(pause * (0.5 + Math.random() / 2));
  }

  #heard(event: TransitionEvent): void {
    this.#last = Math.max(this.#last ?? 0, event.sequence);
    for (const follower of this.#followers) follower(event);
    if (this.#gathered.length === 0) setTimeout(() => this.#invalidate(), GATHER_MS);
    this.#gathered.push(event);
  }

  #invalidate(): void {
    const events = this.#gathered;
    this.#gathered = [];
    const client = this.#client;
    if (client === null) return;
    const stale = [keys.deployments(), keys.projects(), keys.nodes(), ...events.map((it) => keys.deployment(it.deployment))];
    for (const queryKey of stale) void client.invalidateQueries({ queryKey, predicate: isShort });
    const isLong = (query: Query) => !isShort(query);
    client.setQueriesData({ queryKey: keys.deployments(), predicate: isLong }, (data: unknown) => moved(data, events));
    client.setQueriesData({ queryKey: keys.projects(), predicate: isLong }, (data: unknown) => wentLive(data, events));
  }

  #set(status: LiveStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    for (const listener of this.#listeners) listener();
  }
}

export const live = new Live();

export function useLiveStatus(): LiveStatus {
  return useSyncExternalStore(live.subscribe, () => live.status);
}

/** How often to ask when the stream cannot tell; for `refetchInterval`. */
export const whenNotLive = (everyMs: number) => (): number | false => (live.status === "live" ? false : everyMs);
