/**
 * What goes to and fro while a command runs in a container: binary messages, whose first byte says what they are
 * (`deployment_exec` in the API's reference).
 */

export interface TerminalSize {
  columns: number;
  rows: number;
}

/** Which container, and what runs in it. What is not said is decided by the server. */
export interface Wanted {
  service: string | undefined;
  replica: number | undefined;
  node: string | undefined;
}

export type FromCommand =
  | { kind: "output"; bytes: Uint8Array }
  | { kind: "exited"; code: number }
  /** It was not run, or not to its end. */
  | { kind: "failed"; why: string };

const INPUT = 0;
const RESIZE = 2;
const [OUTPUT, ERRORS, ENDED] = [0, 1, 2];

/** The server takes no larger message than a megabyte; what is pasted may be larger. */
const PIECE_BYTES = 32 * 1024;

/** Most images have `sh`; where there is `bash` it knows arrows and history. */
const SHELL = ["sh", "-c", "command -v bash >/dev/null 2>&1 && exec bash; exec sh"];

/** The first message. */
export function beginning({ service, replica, node }: Wanted, size: TerminalSize): string {
  return JSON.stringify({
    service: service ?? null,
    replica: replica ?? null,
    node: node ?? null,
    command: SHELL,
    terminal: { ...size, kind: "xterm-256color" },
  });
}

export function inputMessages(bytes: Uint8Array): Uint8Array<ArrayBuffer>[] {
  const messages = [];
  for (let from = 0; from < bytes.length; from += PIECE_BYTES) messages.push(tagged(INPUT, bytes.subarray(from, from + PIECE_BYTES)));
  return messages;
}

export function sizeMessage({ columns, rows }: TerminalSize): Uint8Array<ArrayBuffer> {
  return tagged(RESIZE, new TextEncoder().encode(JSON.stringify({ columns, rows })));
}

/** `null` for what a newer server may say. */
export function messageOf(data: ArrayBuffer): FromCommand | null {
  const [kind] = new Uint8Array(data, 0, Math.min(1, data.byteLength));
  const bytes = new Uint8Array(data, Math.min(1, data.byteLength));
  if (kind === OUTPUT || kind === ERRORS) return { kind: "output", bytes };
  if (kind !== ENDED) return null;
  const ended = JSON.parse(new TextDecoder().decode(bytes)) as { end: string; code?: number; why?: string };
  return ended.end === "exited" ? { kind: "exited", code: ended.code ?? 0 } : { kind: "failed", why: ended.why ?? "it did not say why" };
}

/** How an exit code is read: `128 + n` when a signal ended it. */
export function exitWords(code: number): string {
  if (code === 0) return "The shell has ended.";
  if (code === 126 || code === 127) return `There is no shell in this image that could be run (exit code ${code}).`;
  return `The shell has ended with exit code ${code}.`;
}

function tagged(kind: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(1 + bytes.length);
  message[0] = kind;
  message.set(bytes, 1);
  return message;
}
