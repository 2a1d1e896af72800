/**
 * The text of a pipeline and changes to it.
 *
 * The text is the truth, the graph a view of it. A change goes into the parsed document, not into an object that is printed
 * again: comments and the way somebody wrote things stay.
 */

import { type Document, isCollection, isMap, isScalar, parseDocument, stringify } from "yaml";

/** Names and indices from the top: `["steps", "api", "ports", 0]`. */
export type Path = readonly (string | number)[];

export interface Read {
  value: unknown;
  /** Why it is no YAML, with the line, counted from 1. */
  fault: { message: string; line: number } | null;
}

/** So that a hostile text cannot keep the page busy: aliases may not multiply. */
const OPTIONS = { prettyErrors: true, strict: true, uniqueKeys: true } as const;
const MOST_ALIASES = 20;

export function read(text: string): Read {
  const document = parseDocument(text, OPTIONS);
  const [error] = document.errors;
  if (error !== undefined) {
    return { value: null, fault: { message: error.message.split("\n", 1)[0] ?? error.message, line: error.linePos?.[0].line ?? 1 } };
  }
  try {
    return { value: document.toJS({ maxAliasCount: MOST_ALIASES }), fault: null };
  } catch (error_) {
    return { value: null, fault: { message: error_ instanceof Error ? error_.message : String(error_), line: 1 } };
  }
}

export function print(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

export type Edit = (document: Document) => void;

/** The text after a change. It must be YAML: check before offering to change it. */
export function edited(text: string, ...edits: Edit[]): string {
  const document: Document = parseDocument(text, OPTIONS);
  document.contents ??= document.createNode({});
  for (const edit of edits) edit(document);
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

/** Sets a value, or takes it away; what is empty after that goes as well, up to the step. */
export function set(path: Path, value: unknown): Edit {
  return (document) => {
    if (value !== undefined) {
      for (let length = 1; length < path.length; length += 1) {
        const above = path.slice(0, length);
        if (!isCollection(document.getIn(above, true))) document.setIn(above, document.createNode(typeof path[length] === "number" ? [] : {}));
      }
      document.setIn(path, document.createNode(value));
      return;
    }
    document.deleteIn(path);
    for (let length = path.length - 1; length > 2; length -= 1) {
      const above = path.slice(0, length);
      const left = document.getIn(above, true);
      if (!isCollection(left) || left.items.length > 0) return;
      document.deleteIn(above);
    }
  };
}

/** Gives a step another name, wherever it is spoken of. */
export function rename(from: string, to: string): Edit {
  const needle = new RegExp(`(\\$\\{\\{\\s*(?:steps|slot\\.url)\\.)${from}(?=[.\\s}])`, "g");
  return (document) => {
    const steps = document.get("steps", true);
    if (!isMap(steps)) return;
    for (const pair of steps.items) {
      if (isScalar(pair.key) && pair.key.value === from) pair.key.value = to;
    }
    const mend = (node: unknown): void => {
      if (isScalar(node) && typeof node.value === "string") node.value = node.value.replaceAll(needle, `$1${to}`);
      else if (isMap(node)) for (const { value } of node.items) mend(value);
      else if (isCollection(node)) for (const item of node.items) mend(item);
    };
    for (const { value: step } of steps.items) {
      mend(step);
      if (!isMap(step)) continue;
      if (step.get("build") === from) step.set("build", to);
      const needs = step.get("needs", true);
      if (isCollection(needs)) for (const item of needs.items) if (isScalar(item) && item.value === from) item.value = to;
    }
  };
}

/** Takes a step away, and with it that others wait for it. */
export function remove(name: string): Edit {
  return (document) => {
    const steps = document.get("steps", true);
    if (!isMap(steps)) return;
    steps.delete(name);
    for (const { key, value: step } of steps.items) {
      if (!isMap(step) || !isScalar(key)) continue;
      if (step.get("build") === name) step.delete("build");
      disconnect(name, String(key.value))(document);
    }
  };
}

export function connect(from: string, to: string): Edit {
  return (document) => {
    const needs = document.getIn(["steps", to, "needs"], true);
    if (isCollection(needs)) document.addIn(["steps", to, "needs"], from);
    else document.setIn(["steps", to, "needs"], document.createNode([from], { flow: true }));
  };
}

export function disconnect(from: string, to: string): Edit {
  return (document) => {
    const needs = document.getIn(["steps", to, "needs"], true);
    if (!isCollection(needs)) return;
    needs.items = needs.items.filter((item) => !(isScalar(item) && item.value === from));
    if (needs.items.length === 0) document.deleteIn(["steps", to, "needs"]);
  };
}

/** The line on which a step begins, counted from 1. */
export function lineOf(text: string, step: string): number | null {
  const document = parseDocument(text, OPTIONS);
  const steps = document.get("steps", true);
  if (!isMap(steps)) return null;
  for (const { key } of steps.items) {
    if (isScalar(key) && key.value === step && key.range != null) return text.slice(0, key.range[0]).split("\n").length;
  }
  return null;
}

/** The step that a line belongs to. */
export function stepAt(text: string, line: number): string | null {
  const document = parseDocument(text, OPTIONS);
  const steps = document.get("steps", true);
  if (!isMap(steps)) return null;
  let found: string | null = null;
  for (const { key } of steps.items) {
    if (!isScalar(key) || key.range == null) continue;
    if (text.slice(0, key.range[0]).split("\n").length <= line) found = String(key.value);
  }
  return found;
}
