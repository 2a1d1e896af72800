import { expect, it } from "vitest";
import { begin, change, redo, undo } from "./history";

const START = begin({ text: "0", positions: {} });

it("goes back and forth", () => {
  const twice = change(change(START, { text: "1" }, 0), { positions: { a: { x: 1, y: 2 } } }, 10);
  expect(undo(twice).present).toEqual({ text: "1", positions: {} });
  expect(undo(undo(twice)).present).toEqual(START.present);
  expect(redo(redo(undo(undo(twice)))).present).toEqual(twice.present);
  expect(undo(START)).toBe(START);
  expect(redo(START)).toBe(START);
});

it("takes typing in one field as one gesture, until one pauses or goes elsewhere", () => {
  let history = START;
  [["1", 0], ["12", 300], ["123", 900]].forEach(([text, at]) => (history = change(history, { text: String(text) }, Number(at), "field a")));
  expect(undo(history).present.text).toBe("0");
  history = change(history, { text: "1234" }, 5000, "field a");
  history = change(history, { text: "12345" }, 5100, "field b");
  expect(undo(history).present.text).toBe("1234");
  expect(undo(undo(history)).present.text).toBe("123");
});

it("forgets what was undone when something else is written, and nothing when nothing changes", () => {
  const undone = undo(change(START, { text: "1" }, 0));
  expect(change(undone, { text: "2" }, 10).future).toEqual([]);
  expect(change(undone, { text: "0" }, 10)).toBe(undone);
});

it("does not grow without end", () => {
  let history = START;
  for (let count = 1; count <= 1000; count += 1) history = change(history, { text: String(count) }, count);
  expect(history.past.length).toBeLessThanOrEqual(200);
  expect(undo(history).present.text).toBe("999");
});
