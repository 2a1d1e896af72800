/** The typed client: proves that changes are ours, notices the end of a session, makes every failure a `ProblemError`. */

import createClient from "openapi-fetch";
import type { components, paths } from "./schema";
import { ProblemError, problemOf, retryAfter, unreachable } from "./problem";
import { session } from "./session";

export type Schemas = components["schemas"];

export const api = createClient<paths>({ baseUrl: "", fetch: authorized });

/** The data of a successful answer; throws the problem of any other. */
export async function answer<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw new ProblemError(response.status, error, retryAfter(response));
  return data as T;
}

/** `fetch` with the proof that a change comes from this page; notices when the session is over. */
export async function authorized(request: Request): Promise<Response> {
  const isChange = request.method !== "GET" && request.method !== "HEAD";
  const isAccess = request.url.includes("/api/v1/auth/");
  if (request.method === "POST" && !isAccess) request.headers.set("idempotency-key", randomKey());
  const again = isChange ? request.clone() : null;
  const sent = session.csrf;
  const response = await reach(proven(request));
  if (response.status === 401 && !isAccess) session.end();
  if (response.status !== 403 || again === null || isAccess) return response;
  // Another tab may have signed in anew: the token belongs to the session.
  await session.ask();
  return session.csrf === null || session.csrf === sent ? response : reach(proven(again));
}

/** A body that the document only calls an object. */
export const plain = (body: object): Record<string, never> => body as Record<string, never>;

/** For what the document cannot describe: streams. */
export async function open(path: string, init: RequestInit): Promise<Response> {
  const response = await authorized(new Request(path, init));
  if (!response.ok) throw await problemOf(response);
  return response;
}

function proven(request: Request): Request {
  if (session.csrf !== null && request.method !== "GET") request.headers.set("x-csrf-token", session.csrf);
  return request;
}

async function reach(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw unreachable();
  }
}

/** `crypto.randomUUID` is missing on plain HTTP. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
