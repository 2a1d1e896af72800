import { describe, expect, it } from "vitest";
import { parseAnsi } from "@/lib/ansi";
import type { LogLine } from "./feed";
import { marked } from "./marked";
import { hashOf, rangeOf } from "./range";
import { levelOf, matchesIn, nextOf, rowsOf } from "./rows";

const line = (number: number, step: string, text: string, stream: LogLine["stream"] = "stdout"): LogLine => ({
  number,
  step,
  text,
  stream,
  time: "2026-03-01T12:00:00.000Z",
});
const lines = [
  line(1, "clone", "fetching main", "system"),
  line(2, "build", "\u001b[31mError\u001b[0m: no such file"),
  line(3, "build", "done in 2 s"),
  line(4, "service", "Listening", "stderr"),
];
const shown = (...args: Parameters<typeof rowsOf>) =>
  rowsOf(...args).map((row) => (row.kind === "step" ? `${row.step}:${row.count}` : row.line.number));

describe("rowsOf", () => {
  it("puts a row in front of each step", () => {
    expect(shown(lines, {}, new Set())).toEqual(["clone:1", 1, "build:2", 2, 3, "service:1", 4]);
  });

  it("folds a step and still counts its lines", () => {
    expect(shown(lines, {}, new Set([2]))).toEqual(["clone:1", 1, "build:2", "service:1", 4]);
  });

  it("filters by step, stream and text without colours", () => {
    expect(shown(lines, { step: "build" }, new Set())).toEqual(["build:2", 2, 3]);
    expect(shown(lines, { stream: "stderr" }, new Set())).toEqual(["service:1", 4]);
    expect(shown(lines, { text: "ERROR: no" }, new Set())).toEqual(["build:1", 2]);
    expect(shown(lines, { text: "[31m" }, new Set())).toEqual([]);
  });

  it("makes 100,000 rows in a moment", () => {
    const many = Array.from({ length: 100_000 }, (_, index) => line(index + 1, "build", `line ${index}`));
    const begun = performance.now();
    expect(rowsOf(many, { text: "999" }, new Set()).length).toBeGreaterThan(100);
    expect(performance.now() - begun).toBeLessThan(1_000);
  });
});

describe("searching", () => {
  it("finds places in rows and walks over them in circles", () => {
    const places = matchesIn(rowsOf(lines, {}, new Set()), "in");
    expect(places).toEqual([1, 4, 6]);
    expect(nextOf(places, 1, 1)).toBe(4);
    expect(nextOf(places, 6, 1)).toBe(1);
    expect(nextOf(places, 1, -1)).toBe(6);
    expect(nextOf([], 1, 1)).toBeNull();
  });

  it("marks hits across colours", () => {
    const runs = marked(parseAnsi("\u001b[31mEr\u001b[0mror and error"), "error");
    expect(runs.map(({ text, isHit }) => (isHit ? `[${text}]` : text))).toEqual(["[Er]", "[ror]", " and ", "[error]"]);
    expect(runs[0]?.style).toEqual({ foreground: 1 });
  });

  it("leaves runs alone when nothing is searched for", () => {
    expect(marked(parseAnsi("plain"), "").map(({ text, isHit }) => [text, isHit])).toEqual([["plain", false]]);
  });
});

describe("levelOf", () => {
  it("hears errors and warnings, and not their absence", () => {
    expect(levelOf(line(1, "build", "\u001b[1mnpm ERR! code 1"))).toBe("error");
    expect(levelOf(line(1, "build", "TypeError: x is not a function"))).toBe("error");
    expect(levelOf(line(1, "build", "found 0 errors"))).toBeNull();
    expect(levelOf(line(1, "build", "npm warn deprecated rimraf@2"))).toBe("warning");
  });
});

describe("ranges", () => {
  it("are read from an address and written to one", () => {
    expect(rangeOf("#L12")).toEqual({ first: 12, last: 12 });
    expect(rangeOf("L15-L12")).toEqual({ first: 12, last: 15 });
    expect(rangeOf("#L3-9")).toEqual({ first: 3, last: 9 });
    expect(rangeOf("#content")).toBeNull();
    expect(hashOf({ first: 3, last: 9 })).toBe("L3-L9");
    expect(hashOf({ first: 3, last: 3 })).toBe("L3");
  });
});
