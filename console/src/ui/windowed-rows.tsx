import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useLayoutEffect, useRef, useState } from "react";
import type { RowsProps } from "./virtual-rows";

/** Rows beyond the window, so that the keyboard always has a next one. */
const OVERSCAN = 12;

/** Only the rows around the window; what is above and below them is two empty items of the right height. */
export default function WindowedRows<T>({ label, items, keyOf, height, onKeyDown, children }: RowsProps<T>) {
  const list = useRef<HTMLUListElement>(null);
  const [scrollMargin, setScrollMargin] = useState(0);
  const virtual = useWindowVirtualizer({
    count: items.length,
    estimateSize: () => height,
    overscan: OVERSCAN,
    scrollMargin,
    getItemKey: (index) => keyOf(items[index] as T),
  });
  const shown = virtual.getVirtualItems();
  const [first, last] = [shown[0], shown.at(-1)];
  // What is above the list may change its height, and rows are as high as they are.
  useLayoutEffect(() => {
    const element = list.current;
    if (element === null) return;
    const margin = Math.round(element.getBoundingClientRect().top + window.scrollY);
    if (margin !== scrollMargin) setScrollMargin(margin);
    for (const [at, { index }] of shown.entries()) {
      const row = element.children[at + 1];
      if (row instanceof HTMLElement && row.offsetHeight > 0) virtual.resizeItem(index, row.offsetHeight);
    }
  }, [shown, scrollMargin, virtual]);
  return (
    <ul ref={list} aria-label={label} onKeyDown={onKeyDown}>
      <li aria-hidden style={{ height: Math.max(0, (first?.start ?? scrollMargin) - scrollMargin) }} />
      {shown.map(({ index }) => children(items[index] as T))}
      <li aria-hidden style={{ height: Math.max(0, virtual.getTotalSize() - ((last?.end ?? scrollMargin) - scrollMargin)) }} />
    </ul>
  );
}
