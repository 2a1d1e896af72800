/** Which part of the past is looked at: a range that ends now, or a piece that somebody chose. */

export const RANGES = ["15m", "1h", "6h", "24h", "7d", "30d"] as const;
export type Range = (typeof RANGES)[number];

export const USUAL: Range = "1h";

const SECONDS: Record<Range, number> = { "15m": 900, "1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000 };

export const RANGE_WORDS: Record<Range, string> = {
  "15m": "the last 15 minutes",
  "1h": "the last hour",
  "6h": "the last 6 hours",
  "24h": "the last 24 hours",
  "7d": "the last 7 days",
  "30d": "the last 30 days",
};

/** In Unix seconds. */
export interface Piece {
  from: number;
  to: number;
}

/** As an address holds it. */
export interface RangeSearch {
  range?: Range | undefined;
  from?: number | undefined;
  to?: number | undefined;
}

/** The steps of the figures are ten seconds at least: a shorter piece would be a point. */
const SHORTEST_S = 60;
/** Nothing is kept for longer. */
const LONGEST_S = 31 * 86_400;

export function pieceOf({ from, to }: RangeSearch): Piece | null {
  return from !== undefined && to !== undefined && from < to ? { from, to } : null;
}

/** The next shorter or longer range; a piece goes to the range that is nearest to it. */
export function stepped(search: RangeSearch, by: 1 | -1): Range {
  const piece = pieceOf(search);
  if (piece !== null) {
    const length = piece.to - piece.from;
    const fitting = by === 1 ? RANGES.find((range) => SECONDS[range] > length) : RANGES.findLast((range) => SECONDS[range] < length);
    return fitting ?? (by === 1 ? "30d" : "15m");
  }
  const index = RANGES.indexOf(search.range ?? USUAL) + by;
  return RANGES[Math.min(RANGES.length - 1, Math.max(0, index))] ?? USUAL;
}

/** A piece that was chosen with two clicks or by dragging, in whole seconds and not too short. */
export function chosen(first: number, second: number): Piece {
  const [from, to] = [Math.round(Math.min(first, second)), Math.round(Math.max(first, second))];
  const missing = Math.max(0, SHORTEST_S - (to - from));
  return { from: from - Math.ceil(missing / 2), to: to + Math.floor(missing / 2) };
}

/** The middle half of what is shown. */
export function zoomedIn({ from, to }: Piece): Piece {
  const quarter = (to - from) / 4;
  return chosen(from + quarter, to - quarter);
}

/** Twice as much, but nothing of the future. */
export function zoomedOut({ from, to }: Piece, now: number): Piece {
  const half = (to - from) / 2;
  const end = Math.min(Math.round(to + half), Math.floor(now));
  return { from: Math.max(Math.round(end - 4 * half), Math.ceil(now) - LONGEST_S), to: end };
}

/** Half of what is shown further to the past or to the present. */
export function moved({ from, to }: Piece, by: 1 | -1, now: number): Piece {
  const length = to - from;
  const end = Math.min(Math.round(to + (by * length) / 2), Math.floor(now));
  const begin = Math.max(end - length, Math.ceil(now) - LONGEST_S);
  return { from: begin, to: begin + length };
}

/** What an axis writes below a time. */
export function axisTime(seconds: number, length: number): string {
  const date = new Date(seconds * 1000);
  if (length > 2 * 86_400) return date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return date.toLocaleTimeString("en-GB", length > 600 ? { hour: "2-digit", minute: "2-digit" } : {});
}

/** A time as people read it in a table: the day, where there are several. */
export function pointTime(seconds: number, length: number): string {
  const date = new Date(seconds * 1000);
  const clock = date.toLocaleTimeString("en-GB", length > 3 * 3600 ? { hour: "2-digit", minute: "2-digit" } : {});
  return length > 86_400 ? `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${clock}` : clock;
}
