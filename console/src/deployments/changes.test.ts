import { describe, expect, it } from "vitest";
import type { Deployment } from "@/api/queries";
import { changesBetween, figuresBetween, shortDigest } from "./changes";

const deployment = (more: Partial<Deployment>): Deployment =>
  ({
    commit: { hash: "0123456789abcdef", message: "Say hello\n\nand more", author: "Ada" },
    release: "sha256:aaaaaaaaaaaaaaaa",
    plan: null,
    limits: { memory_mb: 512, cpu: 1 },
    timings: { total_ms: 4200 },
    peak_memory_mb: null,
    pipeline_version: 0,
    tags: {},
    parameters: {},
    ...more,
  }) as Deployment;

describe("changesBetween", () => {
  it("names what was chosen for a run", () => {
    const before = deployment({ pipeline_version: 2, tags: { api: "v1", web: "main" }, parameters: { seed: "small" } });
    const after = deployment({ pipeline_version: 3, tags: { api: "v2", web: "main" }, parameters: {} });
    expect(changesBetween(before, after)).toEqual([
      { what: "Pipeline", from: "version 2", to: "version 3" },
      { what: "Tag of api", from: "v1", to: "v2" },
      { what: "seed", from: "small", to: null },
    ]);
  });

  it("says nothing of what is the same", () => {
    expect(changesBetween(deployment({}), deployment({}))).toEqual([]);
  });

  it("names what differs, in short", () => {
    const next = deployment({
      commit: { hash: "fedcba9876543210", message: "Say goodbye", author: "Ada" },
      release: null,
      limits: { ...deployment({}).limits, memory_mb: 1024 },
    });
    expect(changesBetween(deployment({}), next)).toEqual([
      { what: "Commit", from: "0123456 Say hello", to: "fedcba9 Say goodbye" },
      { what: "Release", from: "aaaaaaaaaaaa", to: null },
      { what: "Memory limit", from: "512 MB", to: "1024 MB" },
    ]);
  });
});

describe("figuresBetween", () => {
  it("leaves out what neither has", () => {
    expect(figuresBetween(deployment({}), deployment({}))).toEqual([{ what: "Time until live", from: "4.2 s", to: "4.2 s" }]);
  });
});

describe("shortDigest", () => {
  it("shows its beginning", () => {
    expect(shortDigest("sha256:0123456789abcdef")).toBe("0123456789ab");
    expect(shortDigest(null)).toBeNull();
  });
});
