import type { KeyboardEvent } from "react";
import { useShortcut } from "./shortcuts";

/** `j` and `k` walk over the elements marked `data-row`; the arrow keys too, once one of them has the focus. */
export function useRowKeys(): (event: KeyboardEvent) => void {
  useShortcut("j", "Next row", "Lists", () => walkRows(1));
  useShortcut("k", "Previous row", "Lists", () => walkRows(-1));
  return (event) => {
    const { key, target, currentTarget } = event;
    if ((key !== "ArrowDown" && key !== "ArrowUp") || !(target instanceof HTMLElement) || !("row" in target.dataset)) return;
    event.preventDefault();
    const rows = [...currentTarget.querySelectorAll<HTMLElement>("[data-row]")];
    rows[rows.indexOf(target) + (key === "ArrowDown" ? 1 : -1)]?.focus();
  };
}

function walkRows(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const at = rows.findIndex((row) => row === document.activeElement);
  const next = at === -1 ? (by === 1 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by));
  rows[next]?.focus();
}
