/** What a slot may be called: it is part of hostnames. */
export const SLOT = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
export const SLOT_RULE = "Small letters, digits and hyphens, as in a hostname.";

/** `qa-2` after `qa-1`, `shop-2` after `shop`. */
export function nextName(name: string, taken: readonly string[]): string {
  const [, stem = name, number] = /^(.*?)-(\d+)$/.exec(name) ?? [];
  for (let count = Number(number ?? 1) + 1; ; count += 1) {
    const next = `${stem}-${count}`;
    if (!taken.includes(next)) return next;
  }
}
