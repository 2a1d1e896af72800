import { ChevronLeft, ChevronRight, ZoomIn, ZoomOut } from "lucide-react";
import type { ReactNode } from "react";
import { useShortcut } from "@/lib/shortcuts";
import { Button } from "@/ui/button";
import { Toggle } from "@/ui/toggle";
import { type Piece, RANGES, RANGE_WORDS, type RangeSearch, USUAL, moved, pieceOf, pointTime, stepped, zoomedIn, zoomedOut } from "./ranges";

interface Props {
  search: RangeSearch;
  /** What the charts show; `null` until it is known. */
  span: Piece | null;
  onChange: (next: RangeSearch) => void;
  children?: ReactNode;
}

/** How far back to look. All that dragging does in a chart, buttons do as well (WCAG 2.5.7). */
export function RangeBar({ search, span, onChange, children }: Props) {
  const piece = pieceOf(search);
  const shown = piece ?? span;
  const step = (by: 1 | -1) => onChange({ range: stepped(search, by) });
  useShortcut("[", "A shorter time", "Metrics", () => step(-1));
  useShortcut("]", "A longer time", "Metrics", () => step(1));
  const move = (to: (piece: Piece, now: number) => Piece) => {
    if (shown !== null) onChange(to(shown, Date.now() / 1000));
  };
  const isAtEnd = piece === null;
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
      {children}
      <div role="group" aria-label="Time" className="flex flex-wrap items-center gap-0.5 rounded-md border border-line bg-surface p-0.5">
        {RANGES.map((range) => (
          <Toggle key={range} isOn={piece === null && range === (search.range ?? USUAL)} onClick={() => onChange({ range })} title={`Show ${RANGE_WORDS[range]}`}>
            {range}
          </Toggle>
        ))}
      </div>
      <div role="group" aria-label="Move and zoom" className="flex items-center gap-1">
        <Button kind="quiet" size="icon" onClick={() => move((it, now) => moved(it, -1, now))} disabled={shown === null} aria-label="Earlier" title="Earlier">
          <ChevronLeft aria-hidden />
        </Button>
        <Button kind="quiet" size="icon" onClick={() => move((it, now) => moved(it, 1, now))} disabled={shown === null || isAtEnd} aria-label="Later" title="Later">
          <ChevronRight aria-hidden />
        </Button>
        <Button kind="quiet" size="icon" onClick={() => move(zoomedIn)} disabled={shown === null} aria-label="Zoom in" title="Zoom in">
          <ZoomIn aria-hidden />
        </Button>
        <Button kind="quiet" size="icon" onClick={() => move(zoomedOut)} disabled={shown === null} aria-label="Zoom out" title="Zoom out">
          <ZoomOut aria-hidden />
        </Button>
      </div>
      <p role="status" className="tabular text-xs text-muted">
        {piece === null ? RANGE_WORDS[search.range ?? USUAL] : `${pointTime(piece.from, 90_000)} to ${pointTime(piece.to, 90_000)}`}
      </p>
    </div>
  );
}
