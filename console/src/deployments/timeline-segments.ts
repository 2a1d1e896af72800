/** Where the time of a deployment went. */

import type { Deployment } from "@/api/queries";

export interface Segment {
  name: string;
  /** For people. */
  label: string;
  ms: number;
  state: "done" | "running" | "failed";
  note: string | null;
  /** What its lines are called in the log. */
  logStep: string | null;
}

const LABELS: Record<string, string> = {
  clone: "Clone",
  detect: "Detect",
  install: "Install",
  build: "Build",
  release: "Store",
  start: "Start",
};

/** Programs that have started say their lines as `service`. */
const LOG_STEPS: Record<string, string> = { start: "service" };

export function segmentsOf(deployment: Pick<Deployment, "steps" | "timings" | "state">, now: number): Segment[] {
  const { steps, timings, state } = deployment;
  const queuedAt = time(timings.queued_at);
  const first = steps[0];
  const begun = timings.building_at ?? first?.started_at ?? timings.ended_at;
  const segments: Segment[] = [];
  // A wait shorter than a blink is nobody's concern.
  const waited = (begun === null ? now : time(begun)) - queuedAt;
  if (waited >= 500 || begun === null) {
    segments.push({ name: "queued", label: "Queued", ms: waited, state: begun === null ? "running" : "done", note: null, logStep: null });
  }
  steps.forEach((step, index) => {
    const { name, started_at, finished_at, exit_code, note } = step;
    const isLast = index === steps.length - 1;
    const hasFailed = (exit_code !== null && exit_code !== 0) || (isLast && state === "FAILED");
    const end = finished_at ?? timings.ended_at;
    segments.push({
      name,
      label: LABELS[name] ?? name,
      ms: Math.max(0, (end === null ? now : time(end)) - time(started_at)),
      state: hasFailed ? "failed" : end === null ? "running" : "done",
      note,
      logStep: LOG_STEPS[name] ?? name,
    });
  });
  return segments;
}

/** From the request until it was live or failed, or until now. */
export function totalOf({ timings }: Pick<Deployment, "timings">, now: number): number {
  return timings.total_ms ?? now - time(timings.queued_at);
}

function time(at: string): number {
  return new Date(at).getTime();
}
