import { describe, expect, it } from "vitest";
import { connect, disconnect, edited, lineOf, print, read, remove, rename, set, stepAt } from "./text";

const TEXT = `# The shop
version: 1
steps:
  db: # pinned
    kind: service
    image: postgres:16
  api:
    kind: service
    needs: [db]
    image: api:v1
    variables: { URL: "\${{ steps.db.outputs.url }}", SELF: "\${{ slot.url.api }}" }
  web: { kind: site, build: front }
  front:
    kind: build
`;

describe("read", () => {
  it("tells the line of a fault", () => {
    expect(read("version: 1\nsteps:\n  a: [").fault?.line).toBe(3);
    expect(read("a: 1\na: 2").fault).not.toBeNull();
  });

  it("refuses aliases that multiply", () => {
    const bomb = ["a: &a [x, x, x, x, x, x, x, x, x]", ..."bcdefgh".split("").map((name, index) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${"abcdefgh"[index] ?? "a"}`).join(", ")}]`)].join("\n");
    expect(read(bomb).fault).not.toBeNull();
  });
});

describe("edited", () => {
  it("keeps comments, order, and what is written on one line", () => {
    const text = edited(TEXT, set(["steps", "api", "image"], "api:v2"));
    expect(text).toContain("# The shop\n");
    expect(text).toContain("# pinned\n");
    expect(text).toContain("image: api:v2");
    expect(text).toContain("web: { kind: site, build: front }");
    expect(Object.keys((read(text).value as { steps: object }).steps)).toEqual(["db", "api", "web", "front"]);
  });

  it("makes what is above a value, and takes away what is left empty", () => {
    const text = edited(TEXT, set(["steps", "db", "resources", "memory_mb"], 128));
    expect(read(text).value).toHaveProperty(["steps", "db", "resources"], { memory_mb: 128 });
    expect(read(edited(text, set(["steps", "db", "resources", "memory_mb"], undefined))).value).not.toHaveProperty(["steps", "db", "resources"]);
  });

  it("never takes a step away by taking its last field", () => {
    expect(read(edited("steps:\n  a:\n    image: x\n", set(["steps", "a", "image"], undefined))).value).toEqual({ steps: { a: {} } });
  });

  it("begins with nothing", () => {
    expect(read(edited("", set(["steps", "a"], { kind: "build" }))).value).toEqual({ steps: { a: { kind: "build" } } });
  });
});

it("renames a step wherever it is spoken of, and nothing that only sounds like it", () => {
  const value = read(edited(`${TEXT}  db-2: { kind: service, needs: [db], command: ["\${{ steps.db-2.outputs.host }}", "steps.db.outputs"] }\n`, rename("db", "store"))).value as { steps: Record<string, Record<string, unknown>> };
  expect(Object.keys(value.steps)).toEqual(["store", "api", "web", "front", "db-2"]);
  expect(value.steps["api"]).toMatchObject({ needs: ["store"], variables: { URL: "${{ steps.store.outputs.url }}", SELF: "${{ slot.url.api }}" } });
  expect(value.steps["db-2"]).toMatchObject({ needs: ["store"], command: ["${{ steps.db-2.outputs.host }}", "steps.db.outputs"] });
  expect(read(edited(TEXT, rename("front", "bundle"))).value).toHaveProperty(["steps", "web", "build"], "bundle");
});

it("takes a step away, and what waited for it", () => {
  const value = read(edited(TEXT, remove("db"), remove("front"))).value as { steps: Record<string, unknown> };
  expect(Object.keys(value.steps)).toEqual(["api", "web"]);
  expect(value.steps["api"]).not.toHaveProperty("needs");
  expect(value.steps["web"]).toEqual({ kind: "site" });
});

it("draws arrows and takes them away", () => {
  const text = edited(TEXT, connect("front", "api"), connect("api", "front"));
  expect(read(text).value).toMatchObject({ steps: { api: { needs: ["db", "front"] }, front: { needs: ["api"] } } });
  expect(read(edited(text, disconnect("db", "api"), disconnect("front", "api"))).value).not.toHaveProperty(["steps", "api", "needs"]);
});

it("knows which line belongs to which step", () => {
  expect(lineOf(TEXT, "api")).toBe(7);
  expect(lineOf(TEXT, "none")).toBeNull();
  expect([1, 4, 6, 7, 11, 12, 14].map((line) => stepAt(TEXT, line))).toEqual([null, "db", "db", "api", "api", "web", "front"]);
});

it("prints long texts on one line, so that the lines of problems stay", () => {
  expect(print({ a: "word ".repeat(60).trim() }).trimEnd().split("\n")).toHaveLength(1);
});
