import { plainText } from "@/lib/ansi";
import type { LogLine } from "./feed";

/** Hands a log over as a file: as text without colours, or a JSON object per line. */
export function saveLog(id: string, lines: readonly LogLine[], kind: "text" | "jsonl"): void {
  const each = kind === "text" ? ({ time, step, text }: LogLine) => `${time} ${step} ${plainText(text)}` : JSON.stringify;
  const blob = new Blob(lines.map((line) => `${each(line)}\n`), { type: "text/plain;charset=utf-8" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${id}.${kind === "text" ? "log" : "jsonl"}`;
  link.click();
  // The browser needs it until it has begun to save.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
