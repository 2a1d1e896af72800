import { describe, expect, it } from "vitest";
import type { Schemas } from "./client";
import { isShort, moved, wentLive } from "./long-lists";

type Event = Schemas["TransitionEvent"];

const event = (fields: Partial<Event>) => ({ deployment: "d1", project: "shop", slot: "production", to: "PRODUCTION", ...fields }) as Event;
const pages = (...items: object[][]) => ({ pages: items.map((part) => ({ items: part, next_cursor: null })), pageParams: [] });
const stateOf = (data: unknown) => ({ state: { data } }) as Parameters<typeof isShort>[0];

describe("a long list", () => {
  it.each([
    ["nothing read yet", undefined, true],
    ["one thing", { id: "d1" }, true],
    ["four pages", pages([], [], [], []), true],
    ["five pages", pages([], [], [], [], []), false],
  ])("is told from a short one: %s", (_, data, short) => {
    expect(isShort(stateOf(data))).toBe(short);
  });

  it("gets the newest state of what moved, and keeps what did not", () => {
    const before = pages([{ id: "d1", state: "QUEUED" }], [{ id: "d2", state: "QUEUED" }]);
    const after = moved(before, [event({ to: "BUILDING" }), event({ to: "FAILED" })]) as typeof before;
    expect(after.pages.map(({ items }) => items)).toEqual([[{ id: "d1", state: "FAILED" }], [{ id: "d2", state: "QUEUED" }]]);
    expect(after.pages[1]).toBe(before.pages[1]);
    expect(moved(before, [event({ deployment: "elsewhere" })])).toBe(before);
  });

  it("gets what is live, of production alone", () => {
    const before = pages([{ id: "p1", name: "shop", live: null }]);
    expect(wentLive(before, [event({ slot: "qa" }), event({ to: "BUILDING" })])).toBe(before);
    expect(wentLive(before, [event({})])).toEqual(pages([{ id: "p1", name: "shop", live: "d1" }]));
    expect(wentLive(undefined, [event({})])).toBeUndefined();
  });
});
