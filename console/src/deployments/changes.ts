/** What differs between two deployments, for people who are about to go from one to the other. */

import type { Deployment, Plan } from "@/api/queries";
import { duration } from "@/lib/time";

export interface Change {
  what: string;
  from: string | null;
  to: string | null;
}

const PLAN_FIELDS: [keyof Plan, string][] = [
  ["name", "Framework"],
  ["runtime_version", "Runtime version"],
  ["install_command", "Install command"],
  ["build_command", "Build command"],
  ["start_command", "Start command"],
  ["output_directory", "Output directory"],
  ["port", "Port"],
];

export function changesBetween(from: Deployment, to: Deployment): Change[] {
  const changes: Change[] = [];
  const add = (what: string, before: unknown, after: unknown) => {
    if (before !== after) changes.push({ what, from: shown(before), to: shown(after) });
  };
  add("Commit", commitOf(from), commitOf(to));
  if (from.pipeline_version !== to.pipeline_version) add("Pipeline", versionOf(from), versionOf(to));
  for (const service of namesIn(from.tags, to.tags)) add(`Tag of ${service}`, from.tags[service] ?? null, to.tags[service] ?? null);
  for (const name of namesIn(from.parameters, to.parameters)) add(name, from.parameters[name] ?? null, to.parameters[name] ?? null);
  add("Release", shortDigest(from.release), shortDigest(to.release));
  for (const [field, what] of PLAN_FIELDS) add(what, from.plan?.[field] ?? null, to.plan?.[field] ?? null);
  add("Memory limit", `${from.limits.memory_mb} MB`, `${to.limits.memory_mb} MB`);
  add("CPU limit", `${from.limits.cpu} cores`, `${to.limits.cpu} cores`);
  return changes;
}

/** How long it took and what it needed: figures that always differ, for comparing. */
export function figuresBetween(from: Deployment, to: Deployment): Change[] {
  const took = ({ timings }: Deployment) => (timings.total_ms === null ? null : duration(timings.total_ms));
  const peak = ({ peak_memory_mb }: Deployment) => (peak_memory_mb === null ? null : `${peak_memory_mb} MB`);
  const figures = [
    { what: "Time until live", from: took(from), to: took(to) },
    { what: "Peak memory of the build", from: peak(from), to: peak(to) },
  ];
  return figures.filter((it) => it.from !== null || it.to !== null);
}

/** Version 0 is the one that is made for a repository. */
function versionOf({ pipeline_version }: Deployment): string {
  return pipeline_version === 0 ? "generated" : `version ${pipeline_version}`;
}

function namesIn(...values: Record<string, string>[]): string[] {
  return [...new Set(values.flatMap((it) => Object.keys(it)))].toSorted();
}

function commitOf({ commit }: Deployment): string | null {
  return commit === null ? null : `${commit.hash.slice(0, 7)} ${commit.message.split("\n", 1)[0] ?? ""}`;
}

export function shortDigest(digest: string | null): string | null {
  return digest === null ? null : digest.replace(/^sha256:/, "").slice(0, 12);
}

function shown(value: unknown): string | null {
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}
