import { useVirtualizer } from "@tanstack/react-virtual";
import { type MouseEvent, type Ref, useEffect, useImperativeHandle, useLayoutEffect, useRef } from "react";
import { cn } from "@/lib/cn";
import { LogLineRow, type Step, StepHeading } from "./log-row";
import type { LineRange } from "./range";
import type { Row } from "./rows";

/** The number of a line is a link, and a link needs that much to be hit (WCAG 2.5.8). */
const LINE_PX = 24;
const STEP_PX = 28;
/** As near to the end as this counts as being there. */
const END_PX = 24;
/** For so long after a jump, scrolling is not somebody's hand. */
const JUMP_MS = 400;

export interface LogLinesHandle {
  goTo: (index: number) => void;
  /** The row at the top of what is seen. */
  first: () => number;
}

interface Props {
  ref: Ref<LogLinesHandle>;
  rows: readonly Row[];
  steps: readonly Step[];
  search: string;
  isWrapped: boolean;
  isTimed: boolean;
  isFollowing: boolean;
  onFollowing: (isFollowing: boolean) => void;
  chosen: LineRange | null;
  /** The row of the hit or error that was jumped to. */
  current: number | null;
  onNumber: (number: number, event: MouseEvent) => void;
  onFold: (first: number) => void;
  className?: string;
}

/** Only the rows that are seen exist: a log of a million lines costs as much as one of a hundred. */
export function LogLines(props: Props) {
  const { ref, rows, steps, search, isWrapped, isTimed, isFollowing, onFollowing, chosen, current, onNumber, onFold, className } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const top = useRef(0);
  const quietUntil = useRef(0);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (rows[index]?.kind === "step" ? STEP_PX : LINE_PX),
    getItemKey: (index) => keyOf(rows[index], index),
    overscan: 24,
  });
  useImperativeHandle(ref, () => ({
    goTo: (index) => {
      quietUntil.current = performance.now() + JUMP_MS;
      virtual.scrollToIndex(index, { align: "center" });
    },
    first: () => virtual.getVirtualItemForOffset((virtual.scrollOffset ?? 0) + LINE_PX)?.index ?? 0,
  }));
  useEffect(() => virtual.measure(), [virtual, isWrapped, isTimed]);
  useLayoutEffect(() => {
    if (isFollowing && rows.length > 0) virtual.scrollToIndex(rows.length - 1, { align: "end" });
  }, [virtual, rows.length, isFollowing, isWrapped]);
  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => element.style.setProperty("--log-width", `${element.clientWidth}px`));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const onScroll = () => {
    const element = scroller.current;
    if (element === null) return;
    const isAtEnd = element.scrollHeight - element.clientHeight - element.scrollTop <= END_PX;
    const hasMovedUp = element.scrollTop < top.current - 2;
    top.current = element.scrollTop;
    if (performance.now() < quietUntil.current) return;
    // Whoever scrolls up wants to read; whoever comes back to the end wants to follow again.
    if (isAtEnd) onFollowing(true);
    else if (hasMovedUp) onFollowing(false);
  };

  return (
    <div
      ref={scroller}
      onScroll={onScroll}
      tabIndex={0}
      role="log"
      aria-live="off"
      aria-label="Log"
      className={cn("overflow-auto overscroll-contain bg-sunken font-mono text-xs [font-variant-ligatures:none]", className)}
    >
      <div className="relative min-w-full" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ key, index, start }) => {
          const row = rows[index];
          if (row === undefined) return null;
          const isStep = row.kind === "step";
          return (
            <div
              key={key}
              data-index={index}
              ref={isWrapped && !isStep ? virtual.measureElement : undefined}
              className={cn("absolute top-0 left-0 min-w-full", isStep && "h-7")}
              style={{ transform: `translateY(${start}px)`, width: isWrapped ? "100%" : undefined }}
            >
              {row.kind === "step" ? (
                <StepHeading
                  row={row}
                  timing={steps.find(({ name }) => name === row.step)}
                  onFold={() => onFold(row.first)}
                />
              ) : (
                <LogLineRow
                  row={row}
                  search={search}
                  isWrapped={isWrapped}
                  isTimed={isTimed}
                  isChosen={chosen !== null && row.line.number >= chosen.first && row.line.number <= chosen.last}
                  isCurrent={index === current}
                  onNumber={onNumber}
                />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function keyOf(row: Row | undefined, index: number): string | number {
  if (row === undefined) return index;
  return row.kind === "step" ? `step-${row.first}` : row.line.number;
}
