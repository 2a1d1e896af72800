/** A pipeline as the editor sees it: what of the document the graph is made of. The server decides what is valid. */

export type StepKind = "service" | "build" | "site" | "plugin";

export interface Step {
  kind?: string;
  needs?: string[];
  description?: string;
  image?: string;
  build?: string;
  service?: string;
  repository?: string;
  public?: number;
  selectable_tags?: string;
  [field: string]: unknown;
}

export interface Parameter {
  description?: string | null;
  default?: string | null;
  options?: string[];
}

export interface Pipeline {
  description?: string;
  parameters: Record<string, Parameter>;
  steps: Record<string, Step>;
}

export const KINDS: Record<StepKind, { label: string; does: string }> = {
  service: { label: "Service", does: "Containers that keep running" },
  build: { label: "Build", does: "Sources into an image or a site" },
  site: { label: "Site", does: "Files of a build under a hostname" },
  plugin: { label: "Plugin", does: "A container that does one thing and ends" },
};

export function isKind(kind: unknown): kind is StepKind {
  return typeof kind === "string" && Object.hasOwn(KINDS, kind);
}

/** Reads whatever somebody wrote: what is no step is left out. */
export function pipelineOf(value: unknown): Pipeline {
  const document = isRecord(value) ? value : {};
  const steps: Record<string, Step> = {};
  for (const [name, step] of entries(document["steps"])) {
    if (isRecord(step)) steps[name] = { ...step, needs: strings(step["needs"]) };
  }
  const parameters: Record<string, Parameter> = {};
  for (const [name, parameter] of entries(document["parameters"])) parameters[name] = isRecord(parameter) ? parameter : {};
  const description = document["description"];
  return { steps, parameters, ...(typeof description === "string" && { description }) };
}

export type EdgeKind = "need" | "build" | "data";

export interface Edge {
  from: string;
  to: string;
  kind: EdgeKind;
}

const REFERENCE = /\$\{\{\s*steps\.([a-z0-9-]+)\.outputs\./g;

/** Which steps' outputs stand anywhere in a value. */
export function referredSteps(value: unknown): Set<string> {
  const found = new Set<string>();
  const look = (part: unknown): void => {
    if (typeof part === "string") {
      // `$${{` is the text itself.
      for (const { 1: name } of part.replaceAll("$${{", "").matchAll(REFERENCE)) if (name !== undefined) found.add(name);
    } else if (Array.isArray(part)) part.forEach(look);
    else if (isRecord(part)) Object.values(part).forEach(look);
  };
  look(value);
  return found;
}

/** Who waits for whom, and why: one edge for each pair, the reason that binds most. */
export function edgesOf({ steps }: Pick<Pipeline, "steps">): Edge[] {
  const edges: Edge[] = [];
  for (const [to, step] of Object.entries(steps)) {
    const kinds = new Map<string, EdgeKind>();
    for (const from of referredSteps(step)) kinds.set(from, "data");
    for (const from of step.needs ?? []) kinds.set(from, "need");
    if (typeof step.build === "string") kinds.set(step.build, "build");
    for (const [from, kind] of kinds) if (from !== to && Object.hasOwn(steps, from)) edges.push({ from, to, kind });
  }
  return edges;
}

/** The way from `to` back to `from` that a new edge would close to a circle; `null` when it may be drawn. */
export function circleOf(pipeline: Pick<Pipeline, "steps">, from: string, to: string): string[] | null {
  if (from === to) return [from, to];
  const edges = edgesOf(pipeline);
  const before = new Map<string, string | null>([[to, null]]);
  const open = [to];
  for (let name = open.shift(); name !== undefined; name = open.shift()) {
    if (name === from) {
      const path: string[] = [];
      for (let at: string | null = name; at !== null; at = before.get(at) ?? null) path.unshift(at);
      return [...path, to];
    }
    for (const edge of edges) {
      if (edge.from !== name || before.has(edge.to)) continue;
      before.set(edge.to, name);
      open.push(edge.to);
    }
  }
  return null;
}

/** Steps by the round in which they could start; what waits in a circle comes last. */
export function roundsOf(pipeline: Pick<Pipeline, "steps">): string[][] {
  const left = new Set(Object.keys(pipeline.steps));
  const edges = edgesOf(pipeline);
  const rounds: string[][] = [];
  while (left.size > 0) {
    const ready = [...left].filter((name) => !edges.some((edge) => edge.to === name && left.has(edge.from)));
    const round = ready.length > 0 ? ready : [...left];
    rounds.push(round.toSorted());
    for (const name of round) left.delete(name);
  }
  return rounds;
}

/** Services whose tag may be chosen for a deployment. */
export function choosableOf({ steps }: Pick<Pipeline, "steps">): string[] {
  return Object.keys(steps).filter((name) => typeof steps[name]?.selectable_tags === "string");
}

/** A name that no step has: `api`, `api-2`, `api-3`. */
export function freeName(steps: Record<string, unknown>, wanted: string): string {
  const base = wanted.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "").slice(0, 56) || "step";
  if (!Object.hasOwn(steps, base)) return base;
  let count = 2;
  while (Object.hasOwn(steps, `${base}-${count}`)) count += 1;
  return `${base}-${count}`;
}

/** What a step runs or serves, in few words. */
export function gistOf({ kind, image, build, service, repository, root_directory: folder }: Step): string {
  if (kind === "build") return [repository === undefined ? null : shortRepository(repository), folder].filter((it) => typeof it === "string").join(" · ") || "the sources of the deployment";
  if (typeof image === "string") return shortImage(image);
  if (typeof build === "string") return `built by ${build}`;
  if (typeof service === "string") return `${service} of the catalogue`;
  return "nothing to run yet";
}

/** `ghcr.io/acme/api:v3` → `acme/api:v3`: hosts are long and say little. */
export function shortImage(image: string): string {
  const [first = "", ...rest] = image.replace(/@sha256:([0-9a-f]{8})[0-9a-f]*$/, "@$1").split("/");
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? rest.join("/") : image;
}

function shortRepository(repository: string): string {
  return repository.replace(/\.git$/, "").split(/[/:]/).at(-1) ?? repository;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function entries(value: unknown): [string, unknown][] {
  return isRecord(value) ? Object.entries(value) : [];
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((it): it is string => typeof it === "string") : [];
}
