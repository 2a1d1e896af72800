/**
 * Keyboard shortcuts: single keys, sequences (`g p`) and `Mod+K`.
 *
 * Single keys never fire while somebody types, and can be turned off altogether (WCAG 2.1.4).
 */

import { useEffect, useEffectEvent, useSyncExternalStore } from "react";
import { Stored } from "./stored";

export interface Shortcut {
  keys: string;
  label: string;
  group: string;
  run: () => void;
}

export const singleKeys = new Stored<"on" | "off">("single-keys", ["on", "off"], "on");

const SEQUENCE_MS = 1_200;

let active: readonly Shortcut[] = [];
const listeners = new Set<() => void>();

function setActive(next: readonly Shortcut[]): void {
  active = next;
  for (const listener of listeners) listener();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** The shortcuts of the page that is shown. */
export function useActiveShortcuts(): readonly Shortcut[] {
  return useSyncExternalStore(subscribe, () => active);
}

export function useShortcut(keys: string, label: string, group: string, run: () => void, isEnabled = true): void {
  const latest = useEffectEvent(run);
  useEffect(() => {
    if (!isEnabled) return;
    const shortcut: Shortcut = { keys, label, group, run: () => latest() };
    setActive([...active, shortcut]);
    return () => setActive(active.filter((it) => it !== shortcut));
  }, [keys, label, group, isEnabled]);
}

export const isApple = typeof navigator !== "undefined" && /Mac|iP(hone|ad|od)/.test(navigator.userAgent);

/** `Mod+K` as it is written on this keyboard. */
export function shownKeys(keys: string): string {
  return keys.replace("Mod+", isApple ? "⌘ " : "Ctrl ").replace("Enter", "↵");
}

export interface Press {
  key: string;
  mod: boolean;
  alt: boolean;
  isTyping: boolean;
}

/** Finds what a press means, given the first key of a sequence that may have come before it. */
export function match(shortcuts: readonly Shortcut[], press: Press, before: string | null): Shortcut | "begun" | null {
  if (press.alt) return null;
  const pressed = press.mod ? `Mod+${press.key.length === 1 ? press.key.toUpperCase() : press.key}` : press.key;
  // The page that was opened last wins.
  const all = shortcuts.toReversed();
  if (press.mod) return all.find(({ keys }) => keys === pressed) ?? null;
  if (press.isTyping || singleKeys.value === "off") return null;
  const wanted = before === null ? pressed : `${before} ${pressed}`;
  const found = all.find(({ keys }) => keys === wanted);
  if (found !== undefined) return found;
  if (before !== null) return match(shortcuts, press, null);
  return all.some(({ keys }) => keys.startsWith(`${pressed} `)) ? "begun" : null;
}

export function listenForShortcuts(): () => void {
  let before: string | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const onKey = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing) return;
    const { key, altKey: alt, target } = event;
    const mod = isApple ? event.metaKey : event.ctrlKey;
    const isModal = document.querySelector("[role=dialog][data-state=open], [role=menu]") !== null;
    const found = match(active, { key, mod, alt, isTyping: isModal || takesText(target) }, before);
    clearTimeout(timer);
    before = found === "begun" ? key : null;
    if (found === null) return;
    if (found === "begun") {
      timer = setTimeout(() => (before = null), SEQUENCE_MS);
      return;
    }
    event.preventDefault();
    found.run();
  };
  window.addEventListener("keydown", onKey);
  return () => window.removeEventListener("keydown", onKey);
}

function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}
