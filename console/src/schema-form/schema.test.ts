import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Schema, complaintsOf, hintOf, labelOf, shapeOf } from "./schema";

const PIPELINE = JSON.parse(readFileSync(new URL("../../../schema/pipeline.json", import.meta.url), "utf8")) as Schema;
const kind = (schema: Schema) => shapeOf(schema, { $defs: { Name: { type: "string" } } }).kind;

it.each<[Schema, string]>([
  [{ type: "string" }, "text"],
  [{ type: ["string", "null"] }, "text"],
  [{ $ref: "#/$defs/Name" }, "text"],
  [{ anyOf: [{ $ref: "#/$defs/Name" }, { type: "null" }] }, "text"],
  [{ type: "string", format: "password" }, "secret"],
  [{ type: "string", format: "multiline" }, "lines"],
  [{ type: "integer" }, "number"],
  [{ type: "boolean" }, "flag"],
  [{ type: "string", enum: ["a", "b"] }, "choice"],
  [{ oneOf: [{ const: "a", type: "string" }, { const: "b", type: "string" }] }, "choice"],
  [{ type: "array", items: { type: "integer" } }, "list"],
  [{ type: "array", items: { type: "object" } }, "json"],
  [{ type: "object", additionalProperties: { type: "string" } }, "table"],
  [{ type: "object", properties: { a: {} } }, "object"],
  [{ description: "anything" }, "json"],
  [{ $ref: "https://elsewhere.example.com/schema.json" }, "json"],
  [{ $ref: "#/$defs/Gone" }, "json"],
])("%j is asked for as %s", (schema, wanted) => {
  expect(kind(schema)).toBe(wanted);
});

it("does not follow references in a circle for ever", () => {
  const root: Schema = { $defs: { A: { $ref: "#/$defs/B" }, B: { $ref: "#/$defs/A" } } };
  expect(shapeOf({ $ref: "#/$defs/A" }, root).kind).toBe("json");
});

it("makes fields of all that a step may say; only what holds several things at once is JSON", () => {
  const asJson = (PIPELINE.$defs?.["Step"]?.oneOf ?? []).flatMap((step) =>
    Object.entries(step.properties ?? {})
      .filter(([name, schema]) => name !== "kind" && shapeOf(schema, PIPELINE).kind === "json")
      .map(([name]) => name),
  );
  expect([...new Set(asJson)].toSorted()).toEqual(["parameters", "volumes"]);
  const health = PIPELINE.$defs?.["Health"]?.properties?.["check"] ?? {};
  expect(shapeOf(health, PIPELINE)).toMatchObject({ kind: "variants", by: "kind" });
});

describe("complaintsOf", () => {
  const schema: Schema = {
    type: "object",
    required: ["url"],
    properties: {
      url: { type: "string", pattern: "^https?://" },
      wait_s: { type: "number", minimum: 0, maximum: 60 },
      size: { type: "integer", exclusiveMinimum: 0 },
      codes: { type: "array", items: { type: "integer" } },
      mode: { enum: ["a", "b"] },
      broken: { type: "string", pattern: "(" },
    },
  };

  it.each<[unknown, string[]]>([
    [{}, ["url"]],
    [{ url: "" }, ["url"]],
    [{ url: "ftp://x" }, ["url"]],
    [{ url: "${{ steps.api.outputs.url }}" }, []],
    [{ url: "http://x", wait_s: 61, size: 0 }, ["wait_s", "size"]],
    [{ url: "http://x", size: 1.5, codes: [200, "x"], mode: "c" }, ["size", "codes[1]", "mode"]],
    [{ url: "http://x", broken: "anything" }, []],
  ])("%j", (value, paths) => {
    expect(complaintsOf(schema, value, schema).map(({ path }) => path)).toEqual(paths);
  });
});

it("names fields for people", () => {
  expect(["stop_grace_s", "memory_mb", "sql", "expect_status", "needs"].map(labelOf)).toEqual(["Stop grace (s)", "Memory (MB)", "SQL", "Expect status", "Needs"]);
  expect(hintOf({ description: "How long\nto wait; see [`super::x`].", default: 60 })).toBe("How long to wait; see super::x. Otherwise 60.");
  expect(hintOf({ default: "" })).toBeUndefined();
});
