import { expect, it } from "vitest";
import { SLOT, nextName } from "./names";

it.each([
  ["qa-1", [], "qa-2"],
  ["qa-1", ["qa-2", "qa-3"], "qa-4"],
  ["shop", ["shop-2"], "shop-3"],
  ["a-b", [], "a-b-2"],
])("after %s comes another", (name, taken, next) => {
  expect(nextName(name, taken)).toBe(next);
});

it.each([["qa-1", true], ["a", true], ["-a", false], ["a-", false], ["A", false], ["", false], ["a.b", false]])("%s", (name, isOne) => {
  expect(SLOT.test(name)).toBe(isOne);
});
