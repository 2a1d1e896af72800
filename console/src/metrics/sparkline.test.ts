import { expect, it } from "vitest";
import { pathOf } from "./sparkline";

it("goes from left to right, with the highest value at the top", () => {
  expect(pathOf([0, 2, 1], 100, 20)).toBe("M0.0 20.0L50.0 0.0L100.0 10.0");
});

it("leaves gaps, and shows what stands between two of them", () => {
  expect(pathOf([1, null, 1, null, 1, 1], 100, 20)).toBe("M0.0 0.0h3M40.0 0.0h3M80.0 0.0L100.0 0.0");
  expect(pathOf([null, null], 100, 20)).toBe("");
});

it("lies at the bottom where nothing was", () => {
  expect(pathOf([0, 0], 100, 20)).toBe("M0.0 20.0L100.0 20.0");
});
