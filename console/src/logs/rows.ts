/** What the log viewer shows of a log: its lines in sections by step, folded and filtered. */

import { plainText } from "@/lib/ansi";
import type { LogLine, LogStream } from "./feed";

export interface StepRow {
  kind: "step";
  step: string;
  /** The number of the first line of this section: steps may come again. */
  first: number;
  count: number;
  isFolded: boolean;
}

export interface LineRow {
  kind: "line";
  line: LogLine;
}

export type Row = StepRow | LineRow;

export interface LogFilter {
  step?: string | undefined;
  stream?: LogStream | undefined;
  /** Only lines that contain it. */
  text?: string | undefined;
}

export function rowsOf(lines: readonly LogLine[], filter: LogFilter, folded: ReadonlySet<number>): Row[] {
  const rows: Row[] = [];
  const wanted = filter.text?.toLowerCase() ?? "";
  let section = null as StepRow | null;
  for (const line of lines) {
    if (filter.step !== undefined && line.step !== filter.step) continue;
    if (filter.stream !== undefined && line.stream !== filter.stream) continue;
    if (wanted !== "" && !contains(line, wanted)) continue;
    if (section?.step !== line.step) {
      section = { kind: "step", step: line.step, first: line.number, count: 0, isFolded: folded.has(line.number) };
      rows.push(section);
    }
    section.count += 1;
    if (!section.isFolded) rows.push({ kind: "line", line });
  }
  return rows;
}

/** The places in `rows` of the lines that contain a text. */
export function matchesIn(rows: readonly Row[], text: string): number[] {
  const wanted = text.toLowerCase();
  if (wanted === "") return [];
  const found: number[] = [];
  rows.forEach((row, index) => {
    if (row.kind === "line" && contains(row.line, wanted)) found.push(index);
  });
  return found;
}

function contains({ text }: LogLine, wanted: string): boolean {
  return plainText(text).toLowerCase().includes(wanted);
}

export type Level = "error" | "warning" | null;

const ERROR = /\b(?:[a-z]*error|fatal|panic(?:ked)?|[a-z]*exception|traceback|failed)\b|\berr!|✗|✘/i;
const NOT_ERROR = /\b(0|no) (errors?|failed)\b|errors?: 0\b/i;
const WARNING = /\b(warn(ing)?|deprecated)\b/i;

/** What a line sounds like. Only a hint for the eye: programs say it in their own ways. */
export function levelOf(line: LogLine): Level {
  const text = plainText(line.text);
  if (ERROR.test(text) && !NOT_ERROR.test(text)) return "error";
  return WARNING.test(text) ? "warning" : null;
}

/** The next place after `from` (before it with `by` −1) in sorted `places`, going round at the end. */
export function nextOf(places: readonly number[], from: number, by: 1 | -1): number | null {
  if (places.length === 0) return null;
  if (by === 1) return places.find((place) => place > from) ?? places[0] ?? null;
  return places.findLast((place) => place < from) ?? places.at(-1) ?? null;
}
