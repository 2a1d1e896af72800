import { describe, expect, it } from "vitest";
import { type Press, type Shortcut, match } from "./shortcuts";

const shortcut = (keys: string): Shortcut => ({ keys, label: keys, group: "", run: () => undefined });
const all = ["g p", "g e", "/", "Mod+K", "f", "p"].map(shortcut);
const press = (key: string, more: Partial<Press> = {}): Press => ({ key, mod: false, alt: false, isTyping: false, ...more });
const meant = (key: string, more: Partial<Press> = {}, before: string | null = null) => {
  const found = match(all, press(key, more), before);
  return found === null || found === "begun" ? found : found.keys;
};

describe("match", () => {
  it("finds keys, sequences and modified keys", () => {
    expect(meant("/")).toBe("/");
    expect(meant("g")).toBe("begun");
    expect(meant("p", {}, "g")).toBe("g p");
    expect(meant("k", { mod: true })).toBe("Mod+K");
  });

  it("starts over when a sequence goes elsewhere", () => {
    expect(meant("f", {}, "g")).toBe("f");
    expect(meant("x", {}, "g")).toBe(null);
  });

  it("keeps still while somebody types, except for modified keys", () => {
    expect(meant("f", { isTyping: true })).toBe(null);
    expect(meant("K", { isTyping: true, mod: true })).toBe("Mod+K");
    expect(meant("f", { mod: true })).toBe(null);
    expect(meant("f", { alt: true })).toBe(null);
  });

  it("lets the last one win", () => {
    const inner = shortcut("f");
    expect(match([...all, inner], press("f"), null)).toBe(inner);
  });
});
