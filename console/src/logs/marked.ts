/** Runs of styled text, cut where a search has hit. */

import type { Run } from "@/lib/ansi";

export interface MarkedRun extends Run {
  isHit: boolean;
}

export function marked(runs: readonly Run[], search: string): MarkedRun[] {
  const wanted = search.toLowerCase();
  const whole = runs.map(({ text }) => text).join("");
  const lower = whole.toLowerCase();
  // Lower case is longer than upper case in some languages; then places would not fit.
  if (wanted === "" || lower.length !== whole.length) return runs.map((run) => ({ ...run, isHit: false }));
  const cuts: [from: number, to: number][] = [];
  for (let at = lower.indexOf(wanted); at !== -1; at = lower.indexOf(wanted, at + wanted.length)) {
    cuts.push([at, at + wanted.length]);
  }
  const pieces: MarkedRun[] = [];
  let start = 0;
  for (const { text, style } of runs) {
    const end = start + text.length;
    let at = start;
    for (const [from, to] of cuts) {
      if (to <= at || from >= end) continue;
      if (from > at) pieces.push({ text: whole.slice(at, from), style, isHit: false });
      const until = Math.min(to, end);
      pieces.push({ text: whole.slice(Math.max(from, at), until), style, isHit: true });
      at = until;
    }
    if (at < end) pieces.push({ text: whole.slice(at, end), style, isHit: false });
    start = end;
  }
  return pieces;
}
