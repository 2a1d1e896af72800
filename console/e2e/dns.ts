/** A DNS server whose records a story changes while it runs. */

import { type Socket, createSocket } from "node:dgram";

const TYPES = { TXT: 16, CNAME: 5 } as const;
const NO_SUCH_NAME = 3;

export class Dns {
  readonly #socket: Socket;
  readonly #records = new Map<string, { type: keyof typeof TYPES; value: string }[]>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (question, { port, address }) => {
      socket.send(this.#answer(question), port, address);
    });
  }

  static async start(): Promise<Dns> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    // It answers for as long as there is somebody who may ask.
    socket.unref();
    return new Dns(socket);
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  set(type: keyof typeof TYPES, name: string, value: string): void {
    this.#records.set(name, [...(this.#records.get(name) ?? []), { type, value }]);
  }

  stop(): void {
    this.#socket.close();
  }

  /** RFC 1035: the header, the question as it was asked, and what is known. Additional records of the question are left out. */
  #answer(question: Buffer): Buffer {
    let at = 12;
    const labels: string[] = [];
    for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
      labels.push(question.toString("ascii", at + 1, at + 1 + length));
      at += 1 + length;
    }
    const end = at + 5;
    const asked = question.readUInt16BE(at + 1);
    const known = this.#records.get(labels.join(".").toLowerCase());
    const answers = (known ?? []).filter(({ type }) => TYPES[type] === asked).map(record);
    const header = Buffer.alloc(12);
    question.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8580 | (known === undefined ? NO_SUCH_NAME : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(answers.length, 6);
    return Buffer.concat([header, question.subarray(12, end), ...answers]);
  }
}

function record({ type, value }: { type: keyof typeof TYPES; value: string }): Buffer {
  const data = type === "TXT" ? text(value) : Buffer.concat([...value.split(".").map(text), Buffer.of(0)]);
  const head = Buffer.alloc(12);
  // The name is the one of the question, twelve bytes from the beginning.
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(TYPES[type], 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(1, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.of(value.length), Buffer.from(value, "ascii")]);
}
