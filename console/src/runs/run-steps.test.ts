import { expect, it } from "vitest";
import type { Deployment } from "@/api/queries";
import { pipelineOf } from "@/pipelines/model";
import { runStepsOf, shortNote } from "./run-steps";

type Step = Deployment["steps"][number];
const at = (second: number) => new Date(second * 1000).toISOString();
const step = (name: string, fields: Partial<Step>): Step => ({ name, started_at: at(0), finished_at: null, exit_code: null, note: null, status: null, ...fields });
const PIPELINE = pipelineOf({ steps: { db: { kind: "service" }, load: { kind: "plugin", needs: ["db"] }, api: { kind: "service", needs: ["load"] } } });
const run = (steps: Step[], fields: Partial<Deployment> = {}) => ({ steps, failure: null, timings: { ended_at: null }, ...fields }) as Deployment;

it("says what each step did, does, or waits for, in the order in which they run", () => {
  const steps = runStepsOf(run([step("load", { started_at: at(2), status: "running" }), step("db", { finished_at: at(2), status: "succeeded" })]), PIPELINE, 5000);
  expect(steps.map(({ name, status, offset, ms, note }) => [name, status, offset, ms, note])).toEqual([
    ["db", "succeeded", 0, 2000, null],
    ["load", "running", 2000, 3000, null],
    ["api", "waiting", null, null, "waits for load"],
  ]);
  expect(steps.map(shortNote)).toEqual(["2.0 s", "3.0 s", "waits for load"]);
});

it("still knows by what a run failed when it was undone", () => {
  const failure = { detail: "the step failed" } as Deployment["failure"];
  const steps = runStepsOf(run([step("db", { status: "undone", finished_at: at(1) }), step("load", { status: "undone", note: "the step failed", finished_at: at(3) })], { failure, timings: { ended_at: at(3) } as Deployment["timings"] }), PIPELINE, 9000);
  expect(steps.map(({ name, isCause, note }) => [name, isCause, note])).toEqual([
    ["db", false, null],
    ["load", true, "the step failed"],
    ["api", false, "never began"],
  ]);
});

it("shows steps that the version does not know, and begins with none", () => {
  expect(runStepsOf(run([]), PIPELINE, 0).every(({ status }) => status === "waiting")).toBe(true);
  expect(runStepsOf(run([step("clone", { status: "running" })]), PIPELINE, 0).map(({ name }) => name)).toContain("clone");
});
