import { describe, expect, it } from "vitest";
import type { Variable } from "@/api/queries";
import { type Edits, type Value, bodyOf, draftOf, edited, remaining } from "./draft";

const saved: Variable[] = [
  { key: "PORT", value: "3000", secret: false, exposure: "runtime", environment: null, slot: null, updated_at: "" },
  { key: "TOKEN", value: null, secret: true, exposure: "all", environment: null, slot: null, updated_at: "" },
];
const value = (more: Partial<Value> = {}): Value => ({ value: "x", secret: false, exposure: "runtime", ...more });
const none: Edits = new Map();
const statuses = (edits: Edits) => draftOf(saved, edits).map(({ key, status }) => `${key} ${status}`);

describe("a draft of variables", () => {
  it("tells what is added, changed and removed, in order", () => {
    let edits = edited(none, saved, "NEW", value());
    edits = edited(edits, saved, "PORT", value({ value: "80" }));
    edits = edited(edits, saved, "TOKEN", "removed");
    expect(statuses(edits)).toEqual(["NEW added", "PORT changed", "TOKEN removed"]);
  });

  it("forgets changes that change nothing", () => {
    expect(edited(none, saved, "PORT", value({ value: "3000" })).size).toBe(0);
    expect(edited(none, saved, "TOKEN", value({ value: null, secret: true, exposure: "all" })).size).toBe(0);
    expect(edited(none, saved, "UNKNOWN", "removed").size).toBe(0);
    const edits = edited(none, saved, "PORT", value({ value: "80" }));
    expect(edited(edits, saved, "PORT", value({ value: "3000" })).size).toBe(0);
  });

  it("sends everything, and secrets without their values unless they are new", () => {
    const edits = edited(edited(none, saved, "NEW", value({ secret: true })), saved, "PORT", "removed");
    expect(bodyOf(saved, edits)).toEqual([
      { key: "NEW", value: "x", secret: true, exposure: "runtime" },
      { key: "TOKEN", value: null, secret: true, exposure: "all" },
    ]);
  });

  it("applies to what somebody else saved meanwhile", () => {
    const edits = edited(edited(none, saved, "PORT", value({ value: "80" })), saved, "NEW", value());
    const theirs: Variable[] = [{ key: "PORT", value: "80", secret: false, exposure: "runtime", environment: null, slot: null, updated_at: "" }];
    expect([...remaining(edits, theirs).keys()]).toEqual(["NEW"]);
  });
});
