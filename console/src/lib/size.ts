/** `740 MB`, `1.2 GB`, from mebibytes. */
export function megabytes(mb: number): string {
  if (mb < 1024) return `${Math.round(mb)} MB`;
  const gb = mb / 1024;
  return `${gb < 10 ? gb.toFixed(1) : Math.round(gb)} GB`;
}

/** `1.5 cores`, `1 core`: without needless digits. */
export function cores(value: number): string {
  const shown = Number(value.toFixed(value < 10 ? 1 : 0));
  return `${shown} core${shown === 1 ? "" : "s"}`;
}

/** A thumbprint as people compare it: pairs in capital letters. */
export function pairs(hex: string): string[] {
  return hex.replace(/[^0-9a-f]/gi, "").toUpperCase().match(/.{1,2}/g) ?? [];
}

/** `0 B`, `740 kB`, `12 MB`, `1.2 GB`: in powers of 1024, as memory and disks are told. */
export function bytes(value: number): string {
  if (value < 1024) return `${Math.round(value)} B`;
  if (value < 1024 * 1024) return `${Math.round(value / 1024)} kB`;
  return megabytes(value / (1024 * 1024));
}
