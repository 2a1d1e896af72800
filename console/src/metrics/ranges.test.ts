import { expect, it } from "vitest";
import { chosen, moved, pieceOf, stepped, zoomedIn, zoomedOut } from "./ranges";

const NOW = 1_772_366_400;

it("reads a piece from an address, and takes nothing for one that is none", () => {
  expect(pieceOf({ from: 10, to: 20 })).toEqual({ from: 10, to: 20 });
  expect(pieceOf({ from: 20, to: 10 })).toBeNull();
  expect(pieceOf({ range: "6h" })).toBeNull();
});

it("steps through the ranges, and from a piece to the nearest", () => {
  expect(stepped({}, 1)).toBe("6h");
  expect(stepped({}, -1)).toBe("15m");
  expect(stepped({ range: "15m" }, -1)).toBe("15m");
  expect(stepped({ range: "30d" }, 1)).toBe("30d");
  const twoHours = { from: NOW - 7200, to: NOW };
  expect(stepped(twoHours, 1)).toBe("6h");
  expect(stepped(twoHours, -1)).toBe("1h");
  expect(stepped({ from: NOW - 100, to: NOW }, -1)).toBe("15m");
});

it("makes whole, ordered pieces of at least a minute", () => {
  expect(chosen(200.4, 100.6)).toEqual({ from: 101, to: 200 });
  const { from, to } = chosen(100, 101);
  expect(to - from).toBe(60);
  expect([from <= 100, to >= 101]).toEqual([true, true]);
});

it("zooms in on the middle and out again, never into the future", () => {
  expect(zoomedIn({ from: NOW - 4000, to: NOW })).toEqual({ from: NOW - 3000, to: NOW - 1000 });
  expect(zoomedOut({ from: NOW - 3000, to: NOW - 1000 }, NOW)).toEqual({ from: NOW - 4000, to: NOW });
  expect(zoomedOut({ from: NOW - 1000, to: NOW }, NOW)).toEqual({ from: NOW - 2000, to: NOW });
  expect(zoomedOut({ from: NOW - 30 * 86_400, to: NOW }, NOW).from).toBe(NOW - 31 * 86_400);
});

it("moves by half of what is shown, and keeps the length", () => {
  expect(moved({ from: NOW - 2000, to: NOW - 1000 }, -1, NOW)).toEqual({ from: NOW - 2500, to: NOW - 1500 });
  expect(moved({ from: NOW - 1000, to: NOW - 100 }, 1, NOW)).toEqual({ from: NOW - 900, to: NOW });
});
