import { expect, it } from "vitest";
import { NODE_HEIGHT, NODE_WIDTH, laidOut, placed } from "./layout";
import { type Pipeline, edgesOf } from "./model";

/** Each step waits for one before it and one far before it. */
function chain(count: number): Pick<Pipeline, "steps"> {
  const steps = Array.from({ length: count }, (_, index) => [`s${index}`, { kind: "service", needs: index < 4 ? [] : [`s${index - 4}`, `s${Math.floor(index / 2)}`] }] as const);
  return { steps: Object.fromEntries(steps) };
}

it.each([1, 12, 300])("puts %i steps left of what waits for them, and none onto another", (count) => {
  const pipeline = chain(count);
  const places = laidOut(pipeline);
  const all = Object.values(places);
  expect(all).toHaveLength(count);
  for (const { from, to } of edgesOf(pipeline)) expect((places[from]?.x ?? 0) + NODE_WIDTH, `${from} → ${to}`).toBeLessThanOrEqual(places[to]?.x ?? 0);
  for (const [index, a] of all.entries()) {
    const covered = all.slice(index + 1).some((b) => Math.abs(a.x - b.x) < NODE_WIDTH && Math.abs(a.y - b.y) < NODE_HEIGHT);
    expect(covered).toBe(false);
  }
});

it("is not worked out again for what is written in a step", () => {
  const pipeline = chain(20);
  const before = laidOut(pipeline);
  expect(laidOut({ steps: { ...pipeline.steps, s3: { kind: "service", needs: [], image: "api:v2" } } })).toBe(before);
});

it("leaves steps where somebody has put them", () => {
  const pipeline = chain(6);
  expect(placed(pipeline, { s2: { x: -500, y: 40 } })).toEqual({ ...laidOut(pipeline), s2: { x: -500, y: 40 } });
  expect(placed({ steps: {} }, {})).toEqual({});
});
