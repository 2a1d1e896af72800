/** The typed client: adds the token, exchanges it when it has expired, makes every failure a `ProblemError`. */

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

/** `fetch` with the token of this session, and once more with a new one when it was refused. */
export async function authorized(request: Request): Promise<Response> {
  if (request.method === "POST" && !request.url.includes("/auth/")) {
    request.headers.set("idempotency-key", randomKey());
  }
  const token = request.url.includes("/auth/login") ? null : await session.accessToken();
  if (token === null) return reach(request);
  const again = request.clone();
  const response = await reach(withToken(request, token));
  if (response.status !== 401 || !(await session.renew(token))) return response;
  const fresh = await session.accessToken();
  return fresh === null ? response : reach(withToken(again, fresh));
}

/** For what the document cannot describe: streams. */
export async function open(path: string, init: RequestInit): Promise<Response> {
  const response = await authorized(new Request(path, init));
  if (!response.ok) throw await problemOf(response);
  return response;
}

function withToken(request: Request, token: string): Request {
  request.headers.set("authorization", `Bearer ${token}`);
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
