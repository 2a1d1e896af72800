/** A word as a POSIX shell reads it, for commands that people copy. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

export function command(...words: string[]): string {
  return ["pierhead", ...words.map(quoted)].join(" ");
}
