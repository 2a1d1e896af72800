import { describe, expect, it } from "vitest";
import { cores, megabytes, pairs } from "./size";

describe("sizes", () => {
  it("are short and honest", () => {
    expect(megabytes(512)).toBe("512 MB");
    expect(megabytes(1536)).toBe("1.5 GB");
    expect(megabytes(24_105)).toBe("24 GB");
    expect(cores(2)).toBe("2 cores");
    expect(cores(0.349)).toBe("0.3 cores");
    expect(cores(15.6)).toBe("16 cores");
    expect(cores(1.04)).toBe("1 core");
  });
});

describe("pairs", () => {
  it("reads a thumbprint however it is written", () => {
    expect(pairs("ab:CD 0f")).toEqual(["AB", "CD", "0F"]);
    expect(pairs("")).toEqual([]);
  });
});
