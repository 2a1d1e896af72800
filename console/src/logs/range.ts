/** Lines that an address points at: `#L12`, `#L12-L15`. */

export interface LineRange {
  first: number;
  last: number;
}

export function rangeOf(hash: string): LineRange | null {
  const [, from, to] = /^#?L(\d{1,12})(?:-L?(\d{1,12}))?$/.exec(hash) ?? [];
  if (from === undefined) return null;
  const [a, b] = [Number(from), Number(to ?? from)];
  return { first: Math.min(a, b), last: Math.max(a, b) };
}

export function hashOf({ first, last }: LineRange): string {
  return first === last ? `L${first}` : `L${first}-L${last}`;
}
