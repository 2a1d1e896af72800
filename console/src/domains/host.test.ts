import { describe, expect, it } from "vitest";
import { hostOf, hostProblem } from "./host";

describe("a hostname as it is pasted", () => {
  it.each([
    ["shop.example.com", "shop.example.com"],
    [" https://Shop.Example.com/cart?a#b ", "shop.example.com"],
    ["http://shop.example.com:8080", "shop.example.com"],
    ["shop.example.com.", "shop.example.com"],
    ["bücher.example", "bücher.example"],
    ["", ""],
  ])("%j is %j", (typed, host) => {
    expect(hostOf(typed)).toBe(host);
  });

  it.each([
    ["shop.example.com", undefined],
    ["bücher.example", undefined],
    ["", /Say which/],
    ["localhost", /single word/],
    ["*.example.com", /wildcard/],
    ["192.0.2.7", /address/],
    ["shop example.com", /Letters/],
    ["me@example.com", /Letters/],
  ])("of %j says %s", (host, problem) => {
    if (problem === undefined) expect(hostProblem(host)).toBeUndefined();
    else expect(hostProblem(host)).toMatch(problem);
  });
});
