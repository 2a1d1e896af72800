import { describe, expect, it } from "vitest";
import { absoluteTime, clock, duration, timeAgo } from "./time";

const now = Date.parse("2026-11-21T12:00:00Z");

describe("timeAgo", () => {
  it.each([
    [0, "now"],
    [-4_000, "now"],
    [-12_000, "12s ago"],
    [-59_999, "59s ago"],
    [-60_000, "1m ago"],
    [-3_600_000, "1h ago"],
    [-86_400_000 * 3, "3d ago"],
    [-86_400_000 * 45, "1mo ago"],
    [-86_400_000 * 800, "2y ago"],
    [90_000, "in 1m"],
  ])("says %i ms as %s", (offset, said) => {
    expect(timeAgo(now + offset, now)).toBe(said);
  });

  it("does not fail on what is no time", () => {
    expect(timeAgo("soon", now)).toBe("at an unknown time");
  });
});

describe("duration", () => {
  it.each([
    [-5, "0 ms"],
    [0, "0 ms"],
    [740, "740 ms"],
    [999.7, "1000 ms"],
    [4_250, "4.2 s"],
    [9_999, "9.9 s"],
    [42_900, "42 s"],
    [68_000, "1 m 08 s"],
    [7_500_000, "2 h 05 m"],
  ])("says %d ms as %s", (ms, said) => {
    expect(duration(ms)).toBe(said);
  });
});

it("says an absolute time with UTC", () => {
  expect(absoluteTime("2026-11-21T12:00:00.123Z")).toContain("(2026-11-21T12:00:00Z)");
  expect(absoluteTime("soon")).toBe("soon");
});

it("shows milliseconds on the clock", () => {
  expect(clock("2026-11-21T12:00:00.042Z")).toMatch(/^\d\d:\d\d:00\.042$/);
  expect(clock("soon")).toBe("");
});
