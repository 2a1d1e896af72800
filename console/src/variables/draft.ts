/**
 * Changes of variables that are collected before they are saved.
 *
 * They are kept by key and apart from what the server has, so when somebody else saves meanwhile, they apply to the new state
 * just as well.
 */

import type { Schemas } from "@/api/client";
import type { Variable } from "@/api/queries";

export type Exposure = Schemas["Exposure"];

export interface Value {
  /** `null` keeps the value of a secret. */
  value: string | null;
  secret: boolean;
  exposure: Exposure;
}

export type Edit = Value | "removed";
export type Edits = ReadonlyMap<string, Edit>;

export interface DraftRow {
  key: string;
  saved: Variable | null;
  edit: Edit | null;
  status: "same" | "added" | "changed" | "removed";
}

/** What the list will be, with what disappears still in it. */
export function draftOf(saved: readonly Variable[], edits: Edits): DraftRow[] {
  const rows = saved.map((variable): DraftRow => {
    const edit = edits.get(variable.key) ?? null;
    const status = edit === null ? "same" : edit === "removed" ? "removed" : "changed";
    return { key: variable.key, saved: variable, edit, status };
  });
  const known = new Set(saved.map(({ key }) => key));
  for (const [key, edit] of edits) {
    if (!known.has(key) && edit !== "removed") rows.push({ key, saved: null, edit, status: "added" });
  }
  return rows.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

/** With one more change; without it when it changes nothing. */
export function edited(edits: Edits, saved: readonly Variable[], key: string, edit: Edit): Edits {
  const next = new Map(edits);
  const before = saved.find((it) => it.key === key);
  if (edit === "removed" ? before === undefined : before !== undefined && isSame(before, edit)) next.delete(key);
  else next.set(key, edit);
  return next;
}

export function without(edits: Edits, key: string): Edits {
  const next = new Map(edits);
  next.delete(key);
  return next;
}

/** Those edits that still change something of what the server has now. */
export function remaining(edits: Edits, saved: readonly Variable[]): Edits {
  let next: Edits = new Map();
  for (const [key, edit] of edits) next = edited(next, saved, key, edit);
  return next;
}

/** All variables as they will be: what the server is sent. */
export function bodyOf(saved: readonly Variable[], edits: Edits): Schemas["VariableRequest"][] {
  return draftOf(saved, edits).flatMap(({ key, saved: before, edit }) => {
    if (edit === "removed") return [];
    if (edit !== null) return [{ key, ...edit }];
    return before === null ? [] : [{ key, value: before.value, secret: before.secret, exposure: before.exposure }];
  });
}

function isSame(before: Variable, { value, secret, exposure }: Value): boolean {
  const isValueKept = before.secret ? value === null : value === before.value;
  return isValueKept && secret === before.secret && exposure === before.exposure;
}

export const KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;

export const EXPOSURES: Record<Exposure, string> = {
  runtime: "When it runs",
  build: "When it is built",
  all: "Always",
  plugin: "In plugins",
};
