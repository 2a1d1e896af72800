/** A run for people: its steps in the order in which they run, with what they took. */

import type { Deployment } from "@/api/queries";
import { duration } from "@/lib/time";
import { type Pipeline, edgesOf, roundsOf } from "@/pipelines/model";
import { type StepStatus, statusOf } from "./statuses";

export interface RunStep {
  name: string;
  kind: string | undefined;
  status: StepStatus;
  /** Milliseconds after the first step began; `null` while it waits. */
  offset: number | null;
  ms: number | null;
  note: string | null;
  /** It is what the run failed by, whatever became of it since. */
  isCause: boolean;
}

export function runStepsOf(deployment: Pick<Deployment, "steps" | "timings" | "failure">, pipeline: Pick<Pipeline, "steps">, now: number): RunStep[] {
  const { steps, timings, failure } = deployment;
  const edges = edgesOf(pipeline);
  const begun = Math.min(...steps.map(({ started_at }) => time(started_at)));
  const known = roundsOf(pipeline).flat();
  const others = steps.map(({ name }) => name).filter((name) => !known.includes(name));
  const ended = timings.ended_at ?? null;
  return [...known, ...others].map((name) => {
    const step = steps.find((it) => it.name === name);
    const status = statusOf(step);
    const kind = pipeline.steps[name]?.kind;
    if (step === undefined) {
      const before = edges.filter(({ to }) => to === name).map(({ from }) => from).filter((from) => statusOf(steps.find((it) => it.name === from)) !== "succeeded");
      return { name, kind, status, offset: null, ms: null, note: ended !== null ? "never began" : before.length > 0 ? `waits for ${before.join(", ")}` : null, isCause: false };
    }
    const end = step.finished_at ?? (status === "succeeded" ? step.started_at : ended);
    return { name, kind, status, offset: time(step.started_at) - begun, ms: Math.max(0, (end === null ? now : time(end)) - time(step.started_at)), note: step.note, isCause: status === "failed" || (failure !== null && step.note === failure.detail) };
  });
}

/** What a node of the graph says below its name. */
export function shortNote({ ms, note, status }: RunStep): string | undefined {
  if (ms === null) return note ?? undefined;
  return status === "running" || status === "retrying" ? duration(ms) : [duration(ms), note].filter((it) => it !== null).join(" · ");
}

function time(at: string): number {
  return new Date(at).getTime();
}
