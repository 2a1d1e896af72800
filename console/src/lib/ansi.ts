/**
 * Terminal output as styled runs of text.
 *
 * Only colours and weights (SGR) are kept. Every other escape sequence, every control character and every link is dropped, and
 * what a carriage return has overwritten is gone: a log is hostile input, and only its text may reach the page.
 */

/** 0 to 15 of the theme's palette, or a CSS colour that we computed from numbers. */
export type Colour = number | string;

export interface Style {
  foreground?: Colour;
  background?: Colour;
  bold?: true;
  dim?: true;
  italic?: true;
  underline?: true;
  strike?: true;
  inverse?: true;
}

export interface Run {
  text: string;
  style: Style;
}

const PLAIN: Style = {};

/** CSI, then OSC/DCS/APC/PM/SOS up to their terminator (or the end), then two-character escapes. */
const ESCAPES =
  // eslint-disable-next-line no-control-regex
  /(?:\u001b\[|\u009b)([0-?]*)([ -/]*)([@-~]?)|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c|$)?|\u001b[ -/]*[0-~]?/g;
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
/** Characters that reorder the text around them ("Trojan Source"). */
const REORDERING = /[\u202a-\u202e\u2066-\u2069]/g;
// eslint-disable-next-line no-control-regex
const ANYTHING_SPECIAL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

/** The styled runs of one line. */
export function parseAnsi(line: string): Run[] {
  if (!ANYTHING_SPECIAL.test(line)) return line === "" ? [] : [{ text: line, style: PLAIN }];
  const runs: Run[] = [];
  let style = PLAIN;
  const add = (raw: string) => {
    const text = clean(raw);
    if (text === "") return;
    const last = runs.at(-1);
    if (last?.style === style) last.text += text;
    else runs.push({ text, style });
  };
  const source = afterReturns(line);
  let end = 0;
  for (const match of source.matchAll(ESCAPES)) {
    add(source.slice(end, match.index));
    end = match.index + match[0].length;
    const [, parameters, intermediates, final] = match;
    if (final === "m" && intermediates === "" && parameters !== undefined) style = applied(style, parameters);
  }
  add(source.slice(end));
  return runs;
}

/** The text of a line without any styling, for searching and for copying. */
export function plainText(line: string): string {
  if (!ANYTHING_SPECIAL.test(line)) return line;
  return clean(afterReturns(line).replace(ESCAPES, ""));
}

function clean(text: string): string {
  return text.replace(CONTROLS, "").replace(REORDERING, "");
}

/** Progress bars write over themselves: what counts is what came last. The styles before it still apply. */
function afterReturns(line: string): string {
  const ended = line.replace(/\r+$/, "");
  const last = ended.lastIndexOf("\r");
  if (last === -1) return ended;
  const before = ended.slice(0, last).match(ESCAPES) ?? [];
  return before.filter((it) => it.endsWith("m")).join("") + ended.slice(last + 1);
}

function applied(style: Style, parameters: string): Style {
  const codes = parameters.split(/[;:]/).map((code) => (code === "" ? 0 : Number(code)));
  let next: Style = { ...style };
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i];
    if (code === undefined || Number.isNaN(code)) continue;
    if (code === 38 || code === 48) {
      const [colour, used] = extended(codes.slice(i + 1));
      i += used;
      if (colour !== null) next[code === 38 ? "foreground" : "background"] = colour;
      continue;
    }
    next = simple(next, code);
  }
  return Object.keys(next).length === 0 ? PLAIN : next;
}

function simple(style: Style, code: number): Style {
  const { foreground, background, bold, dim, underline, italic, strike, inverse, ...none } = style;
  switch (code) {
    case 0:
      return none;
    case 1:
      return { ...style, bold: true };
    case 2:
      return { ...style, dim: true };
    case 3:
      return { ...style, italic: true };
    case 4:
      return { ...style, underline: true };
    case 7:
      return { ...style, inverse: true };
    case 9:
      return { ...style, strike: true };
    case 22:
      return defined({ foreground, background, underline, italic, strike, inverse });
    case 23:
      return defined({ foreground, background, bold, dim, underline, strike, inverse });
    case 24:
      return defined({ foreground, background, bold, dim, italic, strike, inverse });
    case 27:
      return defined({ foreground, background, bold, dim, underline, italic, strike });
    case 29:
      return defined({ foreground, background, bold, dim, underline, italic, inverse });
    case 39:
      return defined({ background, bold, dim, underline, italic, strike, inverse });
    case 49:
      return defined({ foreground, bold, dim, underline, italic, strike, inverse });
  }
  if (code >= 30 && code <= 37) return { ...style, foreground: code - 30 };
  if (code >= 40 && code <= 47) return { ...style, background: code - 40 };
  if (code >= 90 && code <= 97) return { ...style, foreground: code - 82 };
  if (code >= 100 && code <= 107) return { ...style, background: code - 92 };
  return style;
}

function defined(style: { [name in keyof Style]: Style[name] | undefined }): Style {
  return Object.fromEntries((Object.entries(style) as [string, unknown][]).filter(([, value]) => value !== undefined));
}

/** What follows 38 or 48: `5;n` of 256 colours, `2;r;g;b`; and how many numbers that took. */
function extended(rest: number[]): [Colour | null, number] {
  const [kind, first, second, third] = rest;
  if (kind === 5 && isByte(first)) return [indexed(first), 2];
  if (kind === 2 && isByte(first) && isByte(second) && isByte(third)) return [rgb(first, second, third), 4];
  return [null, kind === 5 ? 2 : kind === 2 ? 4 : 0];
}

function isByte(value: number | undefined): value is number {
  return value !== undefined && Number.isInteger(value) && value >= 0 && value <= 255;
}

function indexed(index: number): Colour {
  if (index < 16) return index;
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return rgb(grey, grey, grey);
  }
  const level = (value: number) => (value === 0 ? 0 : 55 + value * 40);
  const cube = index - 16;
  return rgb(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6));
}

function rgb(red: number, green: number, blue: number): string {
  return `rgb(${red} ${green} ${blue})`;
}
