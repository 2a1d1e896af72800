import { Table2 } from "lucide-react";
import { Suspense, lazy, useId, useState } from "react";
import { Skeleton } from "@/ui/skeleton";
import { Toggle } from "@/ui/toggle";
import type { Mark } from "./chart";
import { type Figure, summaryOf } from "./figures";
import { type Piece, pointTime } from "./ranges";

const Chart = lazy(() => import("./chart"));

interface Props {
  figure: Figure;
  times: number[];
  span: Piece;
  shades?: readonly Piece[];
  marks?: readonly Mark[];
  group: string;
  onZoom?: (piece: Piece) => void;
}

const NONE: readonly never[] = [];

/** A chart with its name, what its colours mean, the values below the cursor, and the same as a table. */
export function ChartCard({ figure, times, span, shades = NONE, marks = NONE, group, onZoom }: Props) {
  const { title, meaning, series, say, limit } = figure;
  const heading = useId();
  const [isTable, setIsTable] = useState(false);
  const [cursor, setCursor] = useState<number | null>(null);
  const length = span.to - span.from;
  const at = cursor === null ? undefined : times[cursor];
  return (
    <section aria-labelledby={heading} className="flex min-w-0 flex-col overflow-clip rounded-xl border border-line bg-surface p-3">
      <div className="flex items-start gap-2">
        <div className="min-w-0 flex-1">
          <h2 id={heading} className="text-sm font-semibold">
            {title}
          </h2>
          <p className="text-xs text-pretty text-muted">{meaning}</p>
        </div>
        <Toggle isOn={isTable} onClick={() => setIsTable(!isTable)} aria-label={`${title} as a table`} title="As a table">
          <Table2 aria-hidden />
        </Toggle>
      </div>
      {isTable ? (
        <FigureTable figure={figure} times={times} length={length} />
      ) : (
        <>
          <p className="tabular mt-1 flex min-h-5 flex-wrap items-center gap-x-3 text-xs">
            {series.map(({ label, values, colour }) => {
              const value = cursor === null ? values.findLast((it) => it !== null) : values[cursor];
              return (
                <span key={label} className="inline-flex items-center gap-1.5">
                  <span aria-hidden className="size-2 rounded-xs" style={{ background: `var(${colour})` }} />
                  {(series.length > 1 || label !== title) && <span className="text-muted">{label}</span>}
                  {value == null ? <span className="text-faint">nothing</span> : say(value)}
                </span>
              );
            })}
            {limit !== undefined && (
              <span className="inline-flex items-center gap-1.5 text-muted">
                <span aria-hidden className="w-3 border-t border-dashed border-bad" /> {limit.label} {say(limit.value)}
              </span>
            )}
            <span className="ml-auto text-muted">{at === undefined ? "now" : pointTime(at, length)}</span>
          </p>
          <div role="img" aria-label={summaryOf(figure)} className="h-44">
            <Suspense fallback={<Skeleton className="h-44 rounded-md" />}>
              <Chart figure={figure} times={times} span={span} shades={shades} marks={marks} group={group} onCursor={setCursor} onZoom={onZoom} />
            </Suspense>
          </div>
        </>
      )}
    </section>
  );
}

/** The newest first: what somebody asks for is mostly what was just now. */
function FigureTable({ figure: { title, series, say, kills = [] }, times, length }: { figure: Figure; times: number[]; length: number }) {
  const killed = new Set(kills);
  return (
    <div role="region" aria-label={`${title}, figures`} tabIndex={0} className="mt-1 h-50 overflow-auto rounded-md border border-line">
      <table className="tabular w-full text-xs">
        <thead className="sticky top-0 bg-sunken text-left text-muted">
          <tr>
            <th scope="col" className="px-2 py-1 font-medium">
              From
            </th>
            {series.map(({ label }) => (
              <th key={label} scope="col" className="px-2 py-1 text-right font-medium">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {times
            .map((time, index) => (
              <tr key={time} className="border-t border-line">
                <th scope="row" className="px-2 py-0.5 text-left font-normal whitespace-nowrap text-muted">
                  {pointTime(time, length)}
                  {killed.has(index) && <span className="text-bad"> killed for its memory</span>}
                </th>
                {series.map(({ label, values }) => (
                  <td key={label} className="px-2 py-0.5 text-right whitespace-nowrap">
                    {values[index] == null ? <span className="text-faint">–</span> : say(values[index])}
                  </td>
                ))}
              </tr>
            ))
            .reverse()}
        </tbody>
      </table>
    </div>
  );
}
