import { describe, expect, it } from "vitest";
import type { Deployment } from "@/api/queries";
import { segmentsOf, totalOf } from "./timeline-segments";

const at = (seconds: number) => new Date(Date.UTC(2026, 2, 1, 12, 0, seconds)).toISOString();
const ms = (seconds: number) => new Date(at(seconds)).getTime();
const step = (name: string, from: number, to: number | null, exit_code: number | null = null) => ({
  name,
  started_at: at(from),
  finished_at: to === null ? null : at(to),
  exit_code,
  note: null,
  status: null,
});
const timings = (more: Partial<Deployment["timings"]> = {}): Deployment["timings"] => ({
  received_at: null,
  received_ms: null,
  queued_at: at(0),
  building_at: null,
  provisioning_at: null,
  production_at: null,
  ended_at: null,
  queued_ms: null,
  building_ms: null,
  provisioning_ms: null,
  total_ms: null,
  ...more,
});
const told = (deployment: Parameters<typeof segmentsOf>[0], now: number) =>
  segmentsOf(deployment, now).map(({ name, ms: took, state }) => [name, took, state]);

describe("segmentsOf", () => {
  it("counts the wait while it lasts", () => {
    expect(told({ steps: [], timings: timings(), state: "QUEUED" }, ms(7))).toEqual([["queued", 7000, "running"]]);
  });

  it("gives each step its time, the last one until now", () => {
    const steps = [step("clone", 2, 3), step("install", 3, null)];
    expect(told({ steps, timings: timings({ building_at: at(2) }), state: "BUILDING" }, ms(9))).toEqual([
      ["queued", 2000, "done"],
      ["clone", 1000, "done"],
      ["install", 6000, "running"],
    ]);
  });

  it("marks where it failed, with or without an exit code", () => {
    const ended = timings({ building_at: at(0), ended_at: at(5) });
    expect(told({ steps: [step("build", 1, 5, 2)], timings: ended, state: "FAILED" }, ms(60))).toEqual([["build", 4000, "failed"]]);
    expect(told({ steps: [step("start", 1, null)], timings: ended, state: "FAILED" }, ms(60))).toEqual([["start", 4000, "failed"]]);
  });
});

describe("totalOf", () => {
  it("is the server's figure, or runs until then", () => {
    expect(totalOf({ timings: timings({ total_ms: 1234 }) }, ms(60))).toBe(1234);
    expect(totalOf({ timings: timings() }, ms(60))).toBe(60_000);
  });
});
