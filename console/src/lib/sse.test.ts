import { expect, it } from "vitest";
import { EventParser, eventsOf } from "./sse";

it("reads events whatever the pieces", () => {
  const text = 'retry: 2000\n\n: heartbeat\n\nevent: line\nid: 7\ndata: {"a":\ndata: 1}\n\nevent: end\r\ndata: FAILED\r\n\r\n';
  for (const size of [1, 3, 7, text.length]) {
    const parser = new EventParser();
    const events = [];
    for (let i = 0; i < text.length; i += size) events.push(...parser.push(text.slice(i, i + size)));
    expect(events).toEqual([
      { event: "line", data: '{"a":\n1}', id: "7" },
      { event: "end", data: "FAILED", id: "7" },
    ]);
  }
});

it("gives nothing of an event that is cut off", () => {
  expect(new EventParser().push("event: line\ndata: x\n")).toEqual([]);
});

it("reads a response, characters split over pieces included", async () => {
  const bytes = new TextEncoder().encode("data: grüße\n\n");
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  const all = [];
  for await (const events of eventsOf(new Response(body))) all.push(...events);
  expect(all.map(({ data }) => data)).toEqual(["grüße"]);
});
