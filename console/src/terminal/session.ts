/**
 * A shell in a container, over a WebSocket of its own.
 *
 * It ends with its connection: there is nothing to go back to after a cut, so a lost session is told as lost, and another one is
 * begun by whoever wants it.
 */

import { ProblemError } from "@/api/problem";
import { session as signedIn } from "@/api/session";
import { type TerminalSize, type Wanted, beginning, inputMessages, messageOf, sizeMessage } from "./messages";

export type SessionState =
  /** Until something comes out of it: one that sleeps is woken first. */
  | { status: "starting" }
  | { status: "running" }
  | { status: "exited"; code: number }
  | { status: "failed"; why: string }
  | { status: "refused"; problem: ProblemError }
  /** The connection was cut, and what ran ended with it. */
  | { status: "lost" };

const SIGN_IN_FIRST = 4401;

export const isOver = ({ status }: SessionState): boolean => status !== "starting" && status !== "running";

export class ShellSession {
  readonly #socket: WebSocket;
  readonly #onOutput: (bytes: Uint8Array) => void;
  readonly #listeners = new Set<() => void>();
  #state: SessionState = { status: "starting" };
  #hasOpened = false;

  constructor(deployment: string, wanted: Wanted, size: TerminalSize, onOutput: (bytes: Uint8Array) => void) {
    const address = new URL(`/api/v1/deployments/${encodeURIComponent(deployment)}/exec`, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.#onOutput = onOutput;
    this.#socket = new WebSocket(address);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.addEventListener("open", () => {
      this.#hasOpened = true;
      this.#socket.send(beginning(wanted, size));
    });
    this.#socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => this.#heard(data));
    this.#socket.addEventListener("close", ({ code, reason }) => this.#closed(code, reason));
  }

  get state(): SessionState {
    return this.#state;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  send(bytes: Uint8Array): void {
    if (this.#isOpen) for (const message of inputMessages(bytes)) this.#socket.send(message);
  }

  resize(size: TerminalSize): void {
    // Before that the first message says it.
    if (this.#isOpen) this.#socket.send(sizeMessage(size));
  }

  /** Ends what runs. */
  end(): void {
    this.#set({ status: "exited", code: 0 });
    this.#socket.close(1000);
  }

  get #isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN && !isOver(this.#state);
  }

  #heard(data: string | ArrayBuffer): void {
    if (isOver(this.#state)) return;
    if (typeof data === "string") {
      const document = JSON.parse(data) as { status?: number };
      this.#set({ status: "refused", problem: new ProblemError(document.status ?? -1, document) });
      return;
    }
    const message = messageOf(data);
    if (message === null) return;
    if (message.kind === "output") {
      this.#set({ status: "running" });
      this.#onOutput(message.bytes);
    } else this.#set(message.kind === "exited" ? { status: "exited", code: message.code } : { status: "failed", why: message.why });
  }

  #closed(code: number, reason: string): void {
    if (isOver(this.#state)) return;
    if (code === SIGN_IN_FIRST) {
      this.#set({ status: "refused", problem: new ProblemError(403, { title: "The shell was ended", detail: reason, code: "forbidden" }) });
    } else this.#set({ status: "lost" });
    // A refusal before it opened does not say why: the session may be over.
    if (code === SIGN_IN_FIRST || !this.#hasOpened) void signedIn.ask().catch(() => undefined);
  }

  #set(state: SessionState): void {
    if (isOver(this.#state) || (state.status === "running" && this.#state.status === "running")) return;
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
