import { expect, it } from "vitest";
import type { NodeFigures, ProjectFigures } from "./answer";
import { nodeFigures, perSecond, serviceFigures, short, stacked, summaryOf, trafficFigures } from "./figures";

/** As the server answers: four steps of ten seconds. */
const ANSWER: ProjectFigures = {
  from: 1_772_366_400,
  to: 1_772_366_440,
  step_s: 10,
  times: [1_772_366_400, 1_772_366_410, 1_772_366_420, 1_772_366_430],
  requests: {
    by_class: { "1xx": [0, 0, 0, 0], "2xx": [12, 40, 0, 7], "3xx": [0, 1, 0, 0], "4xx": [0, 2, 0, 0], "5xx": [0, 0, 0, 1], other: [0, 0, 0, 0] },
    upstream_errors: [0, 0, 0, 1],
    bytes_out: [48_122, 160_933, 0, 9_120],
    latency_ms: { p50: [3.1, 3.3, null, 4], p95: [9.8, 11.2, null, 30.5], p99: [14.6, 20.1, null, 30.5] },
    totals: { requests: 63, errors: 1, bytes_out: 218_175, p50_ms: 3.2, p95_ms: 11.5, p99_ms: 21 },
  },
  wakes: { count: [0, 1, 0, 0], mean_ms: [null, 210, null, null], max_ms: [null, 210, null, null] },
  services: [
    { service: "service", cpu_cores: [0.02, 0.11, null, 0.03], memory_max_bytes: [61_341_696, 73_400_320, null, 71_303_168], memory_limit_bytes: 536_870_912, restarts: [0, 0, 0, 1], oom_kills: [0, 0, 0, 1] },
  ],
  asleep: [{ slot: "production", from: 1_772_366_418, to: 1_772_366_427, depth: "frozen" }],
  deployments: [{ id: "3x9mq2p7ab", number: 7, slot: "production", at: 1_772_366_412 }],
};
const LATER = ANSWER.to + 60;
const SILENT: ProjectFigures = {
  ...ANSWER,
  requests: { ...ANSWER.requests, totals: { ...ANSWER.requests.totals, requests: 0 } },
  wakes: { count: [0, 0, 0, 0], mean_ms: [null, null, null, null], max_ms: [null, null, null, null] },
};

it("makes rates of counts, and none of a step that has just begun", () => {
  expect(perSecond([12, 40, 0, 7], ANSWER, LATER)).toEqual([1.2, 4, 0, 0.7]);
  // Of the last step eight seconds are known, of one after it none.
  expect(perSecond([10, 10, 10, 4], ANSWER, ANSWER.to + 10)).toEqual([1, 1, 1, 0.5]);
  expect(perSecond([10, 10, 10, 4], ANSWER, ANSWER.to)).toEqual([1, 1, 1.25, null]);
  // Nobody waits for hours to see what was asked a minute ago.
  expect(perSecond([3600, 60], { times: [0, 14_400], step_s: 14_400 }, 14_400 + 42)).toEqual([0.25, 2]);
});

it("shows the classes that there were, and always the good ones", () => {
  const [requests] = trafficFigures(ANSWER, LATER);
  expect(requests?.series.map(({ label }) => label)).toEqual(["2xx", "3xx", "4xx", "5xx"]);
  expect(trafficFigures(ANSWER, LATER).map(({ key }) => key)).toEqual(["requests", "latency", "bytes", "wakes", "wake-time"]);
});

it("has nothing to show of visitors where there were none", () => {
  expect(trafficFigures(SILENT, LATER)).toEqual([]);
  expect(serviceFigures({ services: [] })).toEqual([]);
});

it("shows the limit of the only service, and where it was killed", () => {
  const memory = serviceFigures(ANSWER).find(({ key }) => key === "memory");
  expect(memory?.limit?.value).toBe(536_870_912);
  expect(memory?.kills).toEqual([3]);
  const two = serviceFigures({ services: [...ANSWER.services, ...ANSWER.services.map((it) => ({ ...it, service: "store" }))] });
  expect(two[0]?.series.map(({ label }) => label)).toEqual(["service", "store"]);
  expect(two[1]?.limit).toBeUndefined();
});

it("stacks what is measured, and leaves gaps where nothing is", () => {
  const series = [
    { label: "a", values: [1, null, 2], colour: "" },
    { label: "b", values: [3, null, null], colour: "" },
  ];
  expect(stacked(series)).toEqual([
    { label: "b", values: [4, null, 2], colour: "" },
    { label: "a", values: [1, null, 2], colour: "" },
  ]);
});

it("tells a chart in words", () => {
  const [, memory] = serviceFigures(ANSWER);
  expect(memory && summaryOf(memory)).toBe("Memory: 68 MB last, 70 MB at most; limit 512 MB; killed for its memory in 1 step");
  const [, latency] = trafficFigures(ANSWER, LATER);
  expect(latency && summaryOf(latency)).toBe("Time to answer: p50 4 ms last, 4 ms at most; p95 30.5 ms last, 30.5 ms at most; p99 30.5 ms last, 30.5 ms at most");
});

it("shows a node with what it has", () => {
  const node: NodeFigures = { ...ANSWER, cpu_cores: [0.4, 0.5, null, 0.4], memory_used_bytes: [2 ** 31, 2 ** 31, null, 2 ** 31], disk_used_bytes: [2 ** 33, 2 ** 33, null, 2 ** 33], containers: [12, 12, null, 12], cpu_limit_cores: 8, memory_limit_bytes: 2 ** 34, disk_limit_bytes: null };
  expect(nodeFigures(node).map(({ key, limit }) => [key, limit?.value])).toEqual([["cpu", 8], ["memory", 2 ** 34], ["disk", undefined], ["containers", undefined]]);
});

it("writes numbers with the digits that matter", () => {
  expect([0, 0.01234, 1.5, 12.345, 1234.6].map(short)).toEqual(["0", "0.0123", "1.5", "12.3", "1,235"]);
});
