/** A terminal's screen and keyboard, in the colours of the console. Loaded when somebody opens a shell. */

import "@xterm/xterm/css/xterm.css";
import { FitAddon } from "@xterm/addon-fit";
import { type ITheme, Terminal } from "@xterm/xterm";
import { copyText } from "@/lib/clipboard";
import { colourAt, onThemeChange } from "@/lib/colours";
import type { TerminalSize } from "./messages";

const FONT_PX = 13;
const FONT = '"JetBrains Mono", ui-monospace, Menlo, Consolas, monospace';
const SCROLLBACK_LINES = 10_000;
/** As WCAG asks of text, whatever colours a program chooses. */
const CONTRAST = 4.5;
const ANSI = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white", "brightBlack", "brightRed", "brightGreen", "brightYellow", "brightBlue", "brightMagenta", "brightCyan", "brightWhite"] as const;

interface Listeners {
  onTyped: (bytes: Uint8Array) => void;
  onSize: (size: TerminalSize) => void;
  /** Tab belongs to the shell, so another key leads out (WCAG 2.1.2). */
  onLeave: () => void;
}

export class Screen {
  readonly #terminal: Terminal;
  readonly #ends: (() => void)[] = [];

  /** Takes all of `place`, and keeps doing so. `describedBy` is the id of the text that says how to leave. */
  static async open(place: HTMLElement, describedBy: string, listeners: Listeners): Promise<Screen> {
    // Characters are measured once, so their font has to be there.
    await document.fonts.load(`${FONT_PX}px ${FONT}`).catch(() => []);
    return new Screen(place, describedBy, listeners);
  }

  private constructor(place: HTMLElement, describedBy: string, { onTyped, onSize, onLeave }: Listeners) {
    const terminal = new Terminal({
      fontFamily: FONT,
      fontSize: FONT_PX,
      scrollback: SCROLLBACK_LINES,
      minimumContrastRatio: CONTRAST,
      theme: themeAt(place),
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    });
    this.#terminal = terminal;
    const fit = new FitAddon();
    terminal.loadAddon(fit);
    terminal.open(place);
    fit.fit();
    terminal.textarea?.setAttribute("aria-describedby", describedBy);
    const encoder = new TextEncoder();
    terminal.onData((text) => onTyped(encoder.encode(text)));
    // Mouse reports of old programs are bytes, not text.
    terminal.onBinary((text) => onTyped(Uint8Array.from(text, (character) => character.charCodeAt(0))));
    terminal.onResize(({ cols, rows }) => onSize({ columns: cols, rows }));
    terminal.attachCustomKeyEventHandler((event) => !this.#isOurs(event, onLeave));
    const resizing = new ResizeObserver(() => fit.fit());
    resizing.observe(place);
    this.#ends.push(() => resizing.disconnect(), onThemeChange(() => (terminal.options.theme = themeAt(place))));
  }

  get size(): TerminalSize {
    return { columns: this.#terminal.cols, rows: this.#terminal.rows };
  }

  set isReadAloud(isRead: boolean) {
    this.#terminal.options.screenReaderMode = isRead;
  }

  /** Says whether there was room for it: a program may print faster than a screen can show. */
  write(bytes: Uint8Array): boolean {
    try {
      this.#terminal.write(bytes);
      return true;
    } catch {
      return false;
    }
  }

  /** A line of our own, set apart from what programs print. It begins with a clean state: the last program may have left any. */
  note(text: string): void {
    this.#terminal.write(`\x1b[!p\x1b[?47l\x1b[0m\r\n\x1b[2m${text}\x1b[0m\r\n`);
  }

  focus(): void {
    this.#terminal.focus();
  }

  close(): void {
    for (const end of this.#ends) end();
    this.#terminal.dispose();
  }

  /** Ctrl+M is the same as Enter to a shell, so nothing is taken away. */
  #isOurs(event: KeyboardEvent, onLeave: () => void): boolean {
    if (event.type !== "keydown" || !event.ctrlKey || event.altKey || event.metaKey) return false;
    if (event.code === "KeyM" && !event.shiftKey) {
      event.preventDefault();
      onLeave();
      return true;
    }
    if (event.code === "KeyC" && event.shiftKey) {
      event.preventDefault();
      if (this.#terminal.hasSelection()) void copyText(this.#terminal.getSelection());
      return true;
    }
    // The browser pastes.
    return event.code === "KeyV" && event.shiftKey;
  }
}

function themeAt(place: HTMLElement): ITheme {
  const colour = (name: string) => colourAt(place, name);
  return {
    background: colour("--sunken"),
    foreground: colour("--ink"),
    cursor: colour("--accent"),
    cursorAccent: colour("--on-accent"),
    selectionBackground: `${colour("--accent")}55`,
    scrollbarSliderBackground: `${colour("--line-strong")}66`,
    scrollbarSliderHoverBackground: `${colour("--line-strong")}aa`,
    scrollbarSliderActiveBackground: `${colour("--line-strong")}cc`,
    ...Object.fromEntries(ANSI.map((name, index) => [name, colour(`--ansi-${index}`)])),
  };
}
