/**
 * One deployment's log, as far as it was read: first in pages, which is quick, then as it is written.
 *
 * Lines are numbered without gaps, so after a cut it goes on behind the last one: nothing is lost and nothing comes twice.
 */

import { type Schemas, answer, api, open } from "@/api/client";
import { asProblem, isPassing } from "@/api/problem";
import { eventsOf } from "@/lib/sse";

export type LogLine = Schemas["Line"];
export type LogStream = Schemas["Stream"];

export interface LogSnapshot {
  lines: readonly LogLine[];
  /** `reading` what is there, `following` what comes, `ended` for good, `cut` and about to try again, `failed` for good. */
  status: "reading" | "following" | "ended" | "cut" | "failed";
  error: unknown;
}

const PAGE = 10_000;
const LONGEST_PAUSE_MS = 10_000;
/** Lines that come together are shown together. */
const GATHER_MS = 60;

export class LogFeed {
  readonly #id: string;
  readonly #node: string | undefined;
  #snapshot: LogSnapshot = { lines: [], status: "reading", error: null };
  #lines: LogLine[] = [];
  #gathering: ReturnType<typeof setTimeout> | undefined;
  #abort: AbortController | null = null;
  readonly #listeners = new Set<() => void>();

  constructor(id: string, node?: string) {
    this.#id = id;
    this.#node = node;
  }

  get snapshot(): LogSnapshot {
    return this.#snapshot;
  }

  /** Reads while somebody looks. */
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (this.#abort === null && this.#snapshot.status !== "ended") void this.#run();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#abort?.abort();
      this.#abort = null;
    };
  };

  retry(): void {
    if (this.#snapshot.status === "failed") void this.#run();
  }

  async #run(): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    const { signal } = abort;
    let failures = 0;
    const isWanted = () => !signal.aborted;
    while (isWanted()) {
      try {
        await this.#readPages(signal);
        this.#tell({ status: "following", error: null });
        failures = 0;
        if (await this.#follow(signal)) return;
      } catch (error) {
        if (!isWanted()) return;
        failures += 1;
        const problem = asProblem(error);
        if (!isPassing(problem) && failures > 3) {
          this.#abort = null;
          this.#tell({ status: "failed", error: problem });
          return;
        }
        this.#tell({ status: "cut", error: problem });
      }
      await pause(Math.min(LONGEST_PAUSE_MS, 300 * 2 ** Math.min(failures, 6)), signal);
    }
  }

  async #readPages(signal: AbortSignal): Promise<void> {
    for (;;) {
      const after = this.#last();
      const page = await answer(
        api.GET("/api/v1/deployments/{id}/logs", { signal, params: { path: { id: this.#id }, query: { after, limit: PAGE, node: this.#node } } }),
      );
      this.#add(page.lines);
      if (page.next <= after || page.lines.length < PAGE) return;
    }
  }

  /** Whether the log has ended. */
  async #follow(signal: AbortSignal): Promise<boolean> {
    const asked = new URLSearchParams({ after: String(this.#last()), ...(this.#node !== undefined && { node: this.#node }) });
    const path = `/api/v1/deployments/${encodeURIComponent(this.#id)}/logs/stream?${asked.toString()}`;
    const response = await open(path, { signal, headers: { accept: "text/event-stream" } });
    for await (const events of eventsOf(response)) {
      this.#add(events.filter(({ event }) => event === "line").map(({ data }) => JSON.parse(data) as LogLine));
      if (events.some(({ event }) => event === "end")) {
        this.#abort = null;
        this.#tell({ status: "ended", error: null });
        return true;
      }
    }
    return false;
  }

  #last(): number {
    return this.#lines.at(-1)?.number ?? 0;
  }

  #add(lines: LogLine[]): void {
    const last = this.#last();
    const fresh = lines.filter(({ number }) => number > last);
    if (fresh.length === 0) return;
    for (const line of fresh) this.#lines.push(line);
    this.#gathering ??= setTimeout(() => this.#tell({}), GATHER_MS);
  }

  #tell(change: Partial<LogSnapshot>): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const { lines } = this.#snapshot;
    this.#snapshot = {
      ...this.#snapshot,
      // A new array only when there are new lines, so that what is made of them is kept otherwise.
      lines: lines.length === this.#lines.length ? lines : this.#lines.slice(),
      ...change,
    };
    for (const listener of this.#listeners) listener();
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
