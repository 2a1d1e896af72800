/** Reads `.env` files: what dotenv and Compose agree on. Values are not expanded. */

export interface DotenvEntry {
  key: string;
  value: string;
  /** Where it begins, from 1. */
  line: number;
}

export interface Dotenv {
  /** The last one of each key, in the order of the file. */
  entries: DotenvEntry[];
  problems: { line: number; detail: string }[];
}

const KEY = /^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*/;

export function parseDotenv(text: string): Dotenv {
  const byKey = new Map<string, DotenvEntry>();
  const problems: Dotenv["problems"] = [];
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  for (let i = 0; i < lines.length; i += 1) {
    const line = i + 1;
    const content = (lines[i] ?? "").trim();
    if (content === "" || content.startsWith("#")) continue;
    const [assignment, key] = KEY.exec(content) ?? [];
    if (assignment === undefined || key === undefined) {
      problems.push({ line, detail: "is not KEY=value" });
      continue;
    }
    const rest = content.slice(assignment.length);
    const quote = rest[0];
    if (quote !== '"' && quote !== "'" && quote !== "`") {
      byKey.set(key, { key, value: rest.replace(/(^|\s)#.*$/, "").trim(), line });
      continue;
    }
    let quoted = rest.slice(1);
    let end = closing(quoted, quote);
    while (end === -1 && i + 1 < lines.length) {
      i += 1;
      quoted += `\n${lines[i] ?? ""}`;
      end = closing(quoted, quote);
    }
    if (end === -1) {
      problems.push({ line, detail: `has a value that begins with ${quote} and does not end with it` });
      continue;
    }
    const raw = quoted.slice(0, end);
    byKey.set(key, { key, value: quote === '"' ? unescaped(raw) : raw, line });
  }
  return { entries: [...byKey.values()], problems };
}

function closing(text: string, quote: string): number {
  for (let i = 0; i < text.length; i += 1) {
    if (text[i] === "\\" && quote === '"') i += 1;
    else if (text[i] === quote) return i;
  }
  return -1;
}

function unescaped(text: string): string {
  const escapes: Record<string, string> = { n: "\n", r: "\r", t: "\t" };
  return text.replace(/\\([nrt"\\$])/g, (_, character: string) => escapes[character] ?? character);
}

const SECRET = /secret|token|passw|private|credential|api_?key|(^|_)(key|dsn|pat|auth)$|_url$/i;

/** Whether a key sounds like something that should not be shown again. */
export function soundsSecret(key: string, value: string): boolean {
  if (/^(NEXT_PUBLIC|VITE|PUBLIC|REACT_APP|NUXT_PUBLIC|GATSBY|EXPO_PUBLIC)_/.test(key)) return false;
  if (/_url$/i.test(key)) return /:\/\/[^/@\s]+:[^/@\s]+@/.test(value);
  return SECRET.test(key);
}
