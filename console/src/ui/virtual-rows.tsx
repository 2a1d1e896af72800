import { type KeyboardEventHandler, type ReactNode, Suspense, lazy } from "react";

/** So many rows are cheaper than measuring them. */
const SIMPLE_UP_TO = 100;
/** Comes when the first long list does; the rows that are there already are shown meanwhile. */
const WindowedRows = lazy(() => import("./windowed-rows")) as typeof import("./windowed-rows").default;

export interface RowsProps<T> {
  label: string;
  items: readonly T[];
  keyOf: (item: T) => string;
  /** How high a row usually is. */
  height: number;
  onKeyDown?: KeyboardEventHandler;
  /** One `li`. */
  children: (item: T) => ReactNode;
}

/** A list in the page: of a long one only the rows around the window are there. */
export function VirtualRows<T>(props: RowsProps<T>) {
  const { label, items, onKeyDown, children } = props;
  const simple = (
    <ul aria-label={label} onKeyDown={onKeyDown}>
      {items.slice(0, SIMPLE_UP_TO).map(children)}
    </ul>
  );
  if (items.length <= SIMPLE_UP_TO) return simple;
  return (
    <Suspense fallback={simple}>
      <WindowedRows {...props} />
    </Suspense>
  );
}
