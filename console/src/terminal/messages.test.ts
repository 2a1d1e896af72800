import { expect, it } from "vitest";
import { beginning, exitWords, inputMessages, messageOf, sizeMessage } from "./messages";

const message = (kind: number, text: string) => Uint8Array.from([kind, ...new TextEncoder().encode(text)]).buffer;

it("asks for a shell with a terminal of this size", () => {
  const asked = JSON.parse(beginning({ service: "api", replica: 2, node: undefined }, { columns: 80, rows: 24 })) as { command: string[] };
  expect(asked).toMatchObject({ service: "api", replica: 2, node: null, terminal: { columns: 80, rows: 24, kind: "xterm-256color" } });
  expect(asked.command[0]).toBe("sh");
});

it("sends what is typed as it is, and what is pasted in pieces that the server takes", () => {
  expect(inputMessages(new TextEncoder().encode("é\r"))).toEqual([Uint8Array.from([0, 0xc3, 0xa9, 13])]);
  expect(inputMessages(new Uint8Array())).toEqual([]);
  const pasted = inputMessages(new Uint8Array(100_000).fill(65));
  expect(pasted.map(({ length }) => length - 1)).toEqual([32_768, 32_768, 32_768, 1_696]);
  expect(pasted.every(([kind]) => kind === 0)).toBe(true);
});

it("tells a new size", () => {
  const [kind, ...text] = sizeMessage({ columns: 120, rows: 40 });
  expect([kind, new TextDecoder().decode(Uint8Array.from(text))]).toEqual([2, '{"columns":120,"rows":40}']);
});

it("reads output, errors and the end", () => {
  expect(messageOf(message(0, "42"))).toEqual({ kind: "output", bytes: new TextEncoder().encode("42") });
  expect(messageOf(message(1, ""))).toEqual({ kind: "output", bytes: new Uint8Array() });
  expect(messageOf(message(2, '{"end":"exited","code":3}'))).toEqual({ kind: "exited", code: 3 });
  expect(messageOf(message(2, '{"end":"failed","why":"the container is gone"}'))).toEqual({ kind: "failed", why: "the container is gone" });
  expect(messageOf(message(9, "of a later version"))).toBeNull();
  expect(messageOf(new ArrayBuffer(0))).toBeNull();
});

it("says in words what an exit code means", () => {
  expect(exitWords(0)).toBe("The shell has ended.");
  expect(exitWords(127)).toContain("no shell");
  expect(exitWords(3)).toContain("exit code 3");
});
