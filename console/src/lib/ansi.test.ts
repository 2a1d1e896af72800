import { describe, expect, it } from "vitest";
import { parseAnsi, plainText } from "./ansi";

const ESC = "\u001b";

describe("parseAnsi", () => {
  it("leaves plain text alone", () => {
    expect(parseAnsi("npm run build")).toEqual([{ text: "npm run build", style: {} }]);
    expect(parseAnsi("")).toEqual([]);
  });

  it("keeps colours and weights", () => {
    expect(parseAnsi(`${ESC}[1;32mok${ESC}[0m done`)).toEqual([
      { text: "ok", style: { bold: true, foreground: 2 } },
      { text: " done", style: {} },
    ]);
    expect(parseAnsi(`${ESC}[97;44mx`)).toEqual([{ text: "x", style: { foreground: 15, background: 4 } }]);
  });

  it("ends each attribute on its own", () => {
    expect(parseAnsi(`${ESC}[1;3;4;31mA${ESC}[22mB${ESC}[39mC${ESC}[mD`)).toEqual([
      { text: "A", style: { bold: true, italic: true, underline: true, foreground: 1 } },
      { text: "B", style: { italic: true, underline: true, foreground: 1 } },
      { text: "C", style: { italic: true, underline: true } },
      { text: "D", style: {} },
    ]);
  });

  it("knows 256 and true colours, with semicolons and colons", () => {
    expect(parseAnsi(`${ESC}[38;5;196mred`)[0]?.style.foreground).toBe("rgb(255 0 0)");
    expect(parseAnsi(`${ESC}[38;5;9mred`)[0]?.style.foreground).toBe(9);
    expect(parseAnsi(`${ESC}[48;5;244mgrey`)[0]?.style.background).toBe("rgb(128 128 128)");
    expect(parseAnsi(`${ESC}[38;2;1;2;3mx`)[0]?.style.foreground).toBe("rgb(1 2 3)");
    expect(parseAnsi(`${ESC}[38:2:1:2:3mx`)[0]?.style.foreground).toBe("rgb(1 2 3)");
  });

  it("never makes a colour of anything but numbers", () => {
    for (const hostile of ["38;2;1;2;999", "38;5;256", "38;5;-1", "38;2;a;b;c", "38", "38;9;1"]) {
      const runs = parseAnsi(`${ESC}[${hostile}mx`);
      expect(runs.at(-1)?.text.endsWith("x")).toBe(true);
      expect(runs.at(-1)?.style.foreground ?? 0).toBeTypeOf("number");
    }
  });

  it("drops cursor movement, titles, links, private modes and broken sequences", () => {
    expect(plainText(`${ESC}[2J${ESC}[1;1Ha${ESC}[?25lb${ESC}[Kc`)).toBe("abc");
    expect(plainText(`${ESC}]0;title\u0007x`)).toBe("x");
    expect(plainText(`${ESC}]8;;javascript:alert(1)${ESC}\\click${ESC}]8;;${ESC}\\`)).toBe("click");
    expect(plainText(`${ESC}P1$r${ESC}\\y`)).toBe("y");
    expect(plainText(`a${ESC}`)).toBe("a");
    expect(plainText(`a${ESC}[`)).toBe("a");
    expect(plainText(`a${ESC}[31`)).toBe("a");
    expect(plainText(`a${ESC}(Bb`)).toBe("ab");
    expect(plainText(`${ESC}]0;never ended`)).toBe("");
  });

  it("drops control characters and those that reorder text", () => {
    expect(plainText("a\u0000b\u0008c\u007fd\u009be")).toBe("abcd");
    expect(plainText("user\u202eadmin\u2066")).toBe("useradmin");
    expect(plainText("tab\there")).toBe("tab\there");
  });

  it("shows what a carriage return left", () => {
    expect(plainText("10%\r50%\r100%")).toBe("100%");
    expect(plainText("done\r")).toBe("done");
    expect(parseAnsi(`${ESC}[32m10%\r100%`)).toEqual([{ text: "100%", style: { foreground: 2 } }]);
  });

  it("takes long hostile lines in linear time", () => {
    const begun = performance.now();
    parseAnsi(`${ESC}[`.repeat(50_000));
    parseAnsi(`${ESC}]`.repeat(50_000));
    parseAnsi(`${ESC}[38;5;`.repeat(50_000));
    expect(performance.now() - begun).toBeLessThan(1_000);
  });

  it("says the same as plainText", () => {
    const line = `${ESC}[31m<script>${ESC}[0m alert("x") ${ESC}[4m&amp;`;
    expect(parseAnsi(line).map((run) => run.text).join("")).toBe(plainText(line));
    expect(plainText(line)).toBe('<script> alert("x") &amp;');
  });
});
