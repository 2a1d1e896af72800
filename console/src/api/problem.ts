/** What the server says when it refuses (RFC 9457), or what we say when it cannot be reached. */

export interface Fix {
  title: string;
  command: string | null;
}

export interface FieldProblem {
  pointer: string;
  detail: string;
}

export class ProblemError extends Error {
  override name = "ProblemError";
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly requestId: string | null;
  readonly fixes: Fix[];
  readonly fields: FieldProblem[];
  readonly retryAfterS: number | null;
  /** Which of the causes that share a code. */
  readonly kind: string | null;
  /** The object as it is now, when somebody else was faster. */
  readonly current: unknown;

  constructor(status: number, document: unknown, retryAfterS: number | null = null) {
    const members = isRecord(document) ? document : {};
    const title = text(members["title"]) ?? usualTitle(status);
    const detail = text(members["detail"]) ?? usualDetail(status);
    super(detail);
    this.status = status;
    this.code = text(members["code"]) ?? (status === 0 ? "unreachable" : "unknown");
    this.title = title;
    this.detail = detail;
    this.requestId = text(members["request_id"]);
    this.fixes = list(members["fixes"]).flatMap(fix);
    this.fields = list(members["errors"]).flatMap(fieldProblem);
    this.retryAfterS = retryAfterS;
    this.kind = text(members["kind"]);
    this.current = members["current"];
  }

  /** Where this kind of problem is explained. */
  get page(): string | null {
    if (this.code === "unknown" || this.code === "unreachable") return null;
    return `/docs/problems/${this.code.replaceAll("_", "-")}`;
  }
}

export function asProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new ProblemError(-1, { title: "The console could not go on", detail, code: "unknown" });
}

/** Reads the problem document of an answer that is not a success. */
export async function problemOf(response: Response): Promise<ProblemError> {
  let document: unknown = null;
  try {
    document = await response.json();
  } catch {
    // A proxy in between answers with its own page.
  }
  return new ProblemError(response.status, document, retryAfter(response));
}

export function retryAfter(response: Response): number | null {
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds : null;
}

export const unreachable = (): ProblemError => new ProblemError(0, null);

/** Whether asking again may help by itself. */
export function isPassing(error: unknown): boolean {
  return error instanceof ProblemError && (error.status === 0 || error.status === 502 || error.status === 503);
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ProblemError && error.status === 404;
}

function usualTitle(status: number): string {
  if (status === 0) return "The server does not answer";
  if (status === 502 || status === 503 || status === 504) return "The server is not ready";
  return `The server answered with ${status}`;
}

function usualDetail(status: number): string {
  if (status === 0) return "Check the network and whether `pierhead up` runs, then try again.";
  if (status === 502 || status === 503 || status === 504) return "It may be starting. Try again in a moment.";
  return "The answer did not say why.";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function fix(value: unknown): Fix[] {
  if (!isRecord(value)) return [];
  const title = text(value["title"]);
  return title === null ? [] : [{ title, command: text(value["command"]) }];
}

function fieldProblem(value: unknown): FieldProblem[] {
  if (!isRecord(value)) return [];
  const detail = text(value["detail"]);
  return detail === null ? [] : [{ pointer: text(value["pointer"]) ?? "", detail }];
}
