import { expect, it } from "vitest";
import type { Deployment, Node } from "@/api/queries";
import { findingsIn, isCalm } from "./findings";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const one = (fields: Partial<Deployment>): Deployment =>
  ({ id: "d", project: "shop", slot: "production", number: 1, state: "PRODUCTION", conditions: { asleep: false, offline: false, crash_looping: false }, services: {}, failure: null, expires_at: null, ...fields }) as Deployment;
const failure = (code: string) => ({ code }) as Deployment["failure"];

it("lets what was mended rest", () => {
  const recent = [one({ id: "new", number: 3 }), one({ id: "old", number: 2, state: "FAILED", failure: failure("build_failed") }), one({ id: "other", slot: "qa", state: "FAILED", failure: failure("build_failed") })];
  expect(findingsIn(recent, [], [], NOW).failed.map(({ id }) => id)).toEqual(["other"]);
});

it("finds no fault with what somebody wanted", () => {
  const recent = [one({ state: "FAILED", failure: failure("cancelled") }), one({ slot: "b", state: "FAILED", failure: failure("superseded") })];
  expect(isCalm(findingsIn(recent, [], [], NOW))).toBe(true);
});

it("finds what is not well, what ends soon and which machine is gone", () => {
  const live = [
    one({ id: "sick", services: { api: { healthy: false, restarts: 3, last_exit: null, next_start_at: null } } }),
    one({ id: "away", conditions: { asleep: false, offline: true, crash_looping: false } }),
    one({ id: "asleep", conditions: { asleep: true, offline: false, crash_looping: false } }),
    one({ id: "later", expires_at: "2026-01-01T20:00:00Z" }),
    one({ id: "sooner", expires_at: "2026-01-01T02:00:00Z" }),
    one({ id: "next week", expires_at: "2026-01-08T00:00:00Z" }),
  ];
  const found = findingsIn([], live, [{ status: "online" } as Node, { status: "offline" } as Node], NOW);
  expect(found.troubled.map(({ id }) => id)).toEqual(["sick", "away"]);
  expect(found.expiring.map(({ id }) => id)).toEqual(["sooner", "later"]);
  expect(found.nodes).toHaveLength(1);
  expect(isCalm(found)).toBe(false);
});
