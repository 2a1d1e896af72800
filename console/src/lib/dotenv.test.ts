import { describe, expect, it } from "vitest";
import { parseDotenv, soundsSecret } from "./dotenv";

const read = (text: string) => Object.fromEntries(parseDotenv(text).entries.map(({ key, value }) => [key, value]));

describe("parseDotenv", () => {
  it("reads assignments, comments and exports", () => {
    expect(read("# a comment\nA=1\n\nexport B = two words # why\r\nC=\nD=a#b\n")).toEqual({
      A: "1",
      B: "two words",
      C: "",
      D: "a#b",
    });
  });

  it("reads quotes", () => {
    expect(read(`A="x # y"\nB='raw\\n'\nC="a\\nb\\"c\\\\"\nD=\`tick "both" 'kinds'\``)).toEqual({
      A: "x # y",
      B: "raw\\n",
      C: 'a\nb"c\\',
      D: `tick "both" 'kinds'`,
    });
  });

  it("reads values over several lines", () => {
    expect(read(`KEY="-----BEGIN-----\nabc\n-----END-----"\nNEXT=1`)).toEqual({
      KEY: "-----BEGIN-----\nabc\n-----END-----",
      NEXT: "1",
    });
  });

  it("lets the last one win and keeps a byte order mark out", () => {
    expect(read("\uFEFFA=1\nA=2")).toEqual({ A: "2" });
  });

  it("does not expand", () => {
    expect(read("A=$HOME/${B}")).toEqual({ A: "$HOME/${B}" });
  });

  it("says what it could not read, and where", () => {
    expect(parseDotenv("A=1\nwhat is this\n1B=2\nC='open").problems).toEqual([
      { line: 2, detail: "is not KEY=value" },
      { line: 3, detail: "is not KEY=value" },
      { line: 4, detail: "has a value that begins with ' and does not end with it" },
    ]);
  });

  it("makes no object members of hostile keys", () => {
    const { entries } = parseDotenv("__proto__=x\nconstructor=y");
    expect(entries.map(({ key }) => key)).toEqual(["__proto__", "constructor"]);
  });
});

describe("soundsSecret", () => {
  it.each(["STRIPE_SECRET_KEY", "GITHUB_TOKEN", "DB_PASSWORD", "API_KEY", "SENTRY_DSN"])("takes %s for one", (key) => {
    expect(soundsSecret(key, "x")).toBe(true);
  });
  it.each(["PORT", "NODE_ENV", "NEXT_PUBLIC_API_KEY", "VITE_TOKEN", "KEYBOARD", "AUTHOR"])("not %s", (key) => {
    expect(soundsSecret(key, "x")).toBe(false);
  });
  it("looks for a password in an address", () => {
    expect(soundsSecret("DATABASE_URL", "postgres://app:pw@db/app")).toBe(true);
    expect(soundsSecret("SITE_URL", "https://example.com")).toBe(false);
  });
});
