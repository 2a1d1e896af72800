import type { CSSProperties } from "react";
import { type Colour, type Style, parseAnsi } from "@/lib/ansi";
import { cn } from "@/lib/cn";
import { marked } from "./marked";

/** A line as its program meant it. Everything ends up as text nodes: a log is hostile input. */
export function StyledText({ text, search }: { text: string; search: string }) {
  return marked(parseAnsi(text), search).map(({ text: piece, style, isHit }, index) => {
    const look = classesOf(style);
    const colours = coloursOf(style);
    if (isHit) {
      return (
        <mark key={index} className={cn("rounded-[2px] bg-mark text-on-mark", look)}>
          {piece}
        </mark>
      );
    }
    if (look === "" && colours === undefined) return piece;
    return (
      <span key={index} className={look} style={colours}>
        {piece}
      </span>
    );
  });
}

function classesOf({ bold, dim, italic, underline, strike }: Style): string {
  return cn(
    bold && "font-bold",
    dim && "opacity-75",
    italic && "italic",
    underline && "underline",
    strike && "line-through",
  );
}

function coloursOf({ foreground, background, inverse }: Style): CSSProperties | undefined {
  if (foreground === undefined && background === undefined && inverse === undefined) return undefined;
  const [front, back] = inverse === true ? [background ?? "var(--sunken)", foreground ?? "var(--ink)"] : [foreground, background];
  return { color: css(front), backgroundColor: css(back) };
}

/** A colour that a program chose for a black screen is lightened or darkened until it can be read on ours. */
function css(colour: Colour | undefined): string | undefined {
  if (colour === undefined) return undefined;
  if (typeof colour === "number") return `var(--ansi-${colour})`;
  return colour.startsWith("var(") ? colour : `color-mix(in oklch, ${colour} 62%, var(--ink))`;
}
