import { describe, expect, it } from "vitest";
import { type Pipeline, circleOf, edgesOf, freeName, gistOf, pipelineOf, referredSteps, roundsOf, shortImage } from "./model";

const steps = (needs: Record<string, string[]>): Pick<Pipeline, "steps"> => ({
  steps: Object.fromEntries(Object.entries(needs).map(([name, before]) => [name, { kind: "service", needs: before }])),
});

describe("pipelineOf", () => {
  it.each([[null], ["text"], [[1, 2]], [{ steps: "none" }], [{ steps: { a: 1 } }]])("takes whatever somebody wrote: %j", (value) => {
    expect(pipelineOf(value)).toEqual({ steps: {}, parameters: {} });
  });

  it("keeps what a step says besides", () => {
    expect(pipelineOf({ steps: { a: { kind: "build", needs: ["b", 3], root_directory: "web" } } }).steps["a"]).toEqual({ kind: "build", needs: ["b"], root_directory: "web" });
  });
});

describe("referredSteps", () => {
  it.each([
    ["${{ steps.db.outputs.url }}", ["db"]],
    ["${{steps.db.outputs.url}} and ${{ steps.cache.outputs.host }}", ["db", "cache"]],
    ["$${{ steps.db.outputs.url }}", []],
    ["steps.db.outputs.url", []],
    ["${{ slot.url.web }}", []],
  ])("%s", (text, names) => {
    expect([...referredSteps({ variables: { A: [text] } })]).toEqual(names);
  });
});

describe("edgesOf", () => {
  it("has one edge for each pair: what binds most", () => {
    const pipeline = pipelineOf({ steps: { front: { kind: "build" }, web: { kind: "site", build: "front", needs: ["front"] }, api: { kind: "service", variables: { A: "${{ steps.web.outputs.url }}" } } } });
    expect(edgesOf(pipeline)).toEqual([
      { from: "front", to: "web", kind: "build" },
      { from: "web", to: "api", kind: "data" },
    ]);
  });

  it("leaves out what leads nowhere, and a step that waits for itself", () => {
    expect(edgesOf(steps({ a: ["a", "gone"] }))).toEqual([]);
  });
});

describe("circleOf", () => {
  const chain = steps({ a: [], b: ["a"], c: ["b"], d: ["c", "a"] });

  it.each([
    ["a", "d", null],
    ["d", "a", ["a", "d", "a"]],
    ["c", "a", ["a", "b", "c", "a"]],
    ["b", "b", ["b", "b"]],
  ])("%s → %s", (from, to, circle) => {
    expect(circleOf(chain, from, to)).toEqual(circle);
  });

  it("never lets a circle be drawn, whatever is drawn in which order", () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    let seed = 7;
    const pick = () => names[(seed = (seed * 48_271) % 2_147_483_647) % names.length] ?? "a";
    const pipeline = steps(Object.fromEntries(names.map((name) => [name, []])));
    for (let count = 0; count < 200; count += 1) {
      const [from, to] = [pick(), pick()];
      if (circleOf(pipeline, from, to) === null) pipeline.steps[to]?.needs?.push(from);
    }
    const rounds = roundsOf(pipeline);
    const at = new Map(rounds.flatMap((round, index) => round.map((name) => [name, index] as const)));
    expect([...at.keys()].toSorted()).toEqual(names);
    for (const { from, to } of edgesOf(pipeline)) expect(at.get(from)).toBeLessThan(at.get(to) ?? -1);
  });
});

describe("roundsOf", () => {
  it("shows steps that wait for each other at the end, all the same", () => {
    expect(roundsOf(steps({ a: [], b: ["c"], c: ["b"] }))).toEqual([["a"], ["b", "c"]]);
  });
});

it.each([
  ["API Server!", "api-server"],
  ["---", "step"],
  ["api", "api-3"],
  ["x".repeat(90), "x".repeat(56)],
])("freeName of %s", (wanted, name) => {
  expect(freeName({ api: 1, "api-2": 1 }, wanted)).toBe(name);
});

it.each([
  ["ghcr.io/acme/api:v3", "acme/api:v3"],
  ["127.0.0.1:5000/api:v1", "api:v1"],
  ["localhost/api", "api"],
  ["pierhead/node:22", "pierhead/node:22"],
  ["postgres:16", "postgres:16"],
  [`ghcr.io/a/b@sha256:${"0123456789abcdef".repeat(4)}`, "a/b@01234567"],
])("shortImage of %s", (image, short) => {
  expect(shortImage(image)).toBe(short);
});

it("says of a step what it runs", () => {
  expect(gistOf({ kind: "build", repository: "https://git.example.com/a/shop.git", root_directory: "web" })).toBe("shop · web");
  expect(gistOf({ kind: "build" })).toBe("the sources of the deployment");
  expect(gistOf({ kind: "site", build: "front" })).toBe("built by front");
  expect(gistOf({ kind: "service", service: "api" })).toBe("api of the catalogue");
  expect(gistOf({ kind: "service" })).toBe("nothing to run yet");
});
