import { useEffect, useEffectEvent, useRef } from "react";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { colourAt, onThemeChange } from "@/lib/colours";
import { type Figure, type Series, stacked } from "./figures";
import { type Piece, axisTime } from "./ranges";

export interface Mark {
  /** Unix seconds. */
  at: number;
  label: string;
}

interface Props {
  figure: Figure;
  times: number[];
  /** All that is shown, in Unix seconds. */
  span: Piece;
  /** When it slept. */
  shades: readonly Piece[];
  marks: readonly Mark[];
  /** Charts with the same one have one cursor. */
  group: string;
  onCursor: (index: number | null) => void;
  onZoom?: ((piece: Piece) => void) | undefined;
}

export const HEIGHT = 176;
const FONT = "11px Inter, sans-serif";
const MARK_FONT_PX = 10;
/** Whole megabytes and gigabytes on an axis, which are powers of 1024. */
const POWERS_OF_TWO = Array.from({ length: 50 }, (_, power) => 2 ** power);

/** Drawn on a canvas. Whoever does not see it has its words and its table. */
export default function Chart({ figure, times, span, shades, marks, group, onCursor, onZoom }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<UPlot | null>(null);
  const drawn = figure.isStacked === true ? stacked(figure.series) : figure.series;
  const data: UPlot.AlignedData = [times, ...drawn.map(({ values }) => values)];
  const tell = useEffectEvent(onCursor);
  const zoom = useEffectEvent((piece: Piece) => onZoom?.(piece));
  // The chart asks for these whenever it draws.
  const given = useRef(data);
  const latest = useRef({ figure, span, shades, marks });
  // What a chart is built of; figures that are new belong into the same one.
  const shape = `${figure.kind} ${drawn.map(({ label, colour }) => `${label}:${colour}`).join(" ")}`;

  useEffect(() => {
    latest.current = { figure, span, shades, marks };
  });
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const draw = () => {
      chart.current?.destroy();
      const colour = (name: string) => colourAt(element, name);
      const [line, muted] = [colour("--line"), colour("--muted")];
      const axis = { stroke: muted, font: FONT, ticks: { show: false } };
      const grid = { stroke: line, width: 1 };
      chart.current = new UPlot(
        {
          width: element.clientWidth,
          height: HEIGHT,
          legend: { show: false },
          padding: [16, 18, 0, 0],
          cursor: {
            // The cursor goes with the others; what is dragged is dragged here.
            sync: { key: group, filters: { pub: (type) => type !== "mousedown" && type !== "mouseup" } },
            y: false,
            points: { size: 6 },
            drag: { x: onZoom !== undefined, y: false, setScale: false },
          },
          scales: {
            x: { time: true, range: () => [latest.current.span.from, latest.current.span.to] },
            y: { range: (_, __, most) => [0, Math.max(most || 0, latest.current.figure.limit?.value ?? 0, Number.MIN_VALUE) * 1.08] },
          },
          axes: [
            { ...axis, size: 28, grid: { show: false }, values: (_, at) => at.map((time) => axisTime(time, latest.current.span.to - latest.current.span.from)), space: 64 },
            { ...axis, grid, size: 78, ...(figure.isBinary === true && { incrs: POWERS_OF_TWO }), values: (_, values) => values.map((value) => latest.current.figure.say(value)), space: 34 },
          ],
          series: [{}, ...drawn.map((series) => look(series, figure.kind, colour))],
          hooks: {
            drawClear: [(plot) => shade(plot, latest.current.shades, colour("--build-wash"))],
            draw: [(plot) => annotate(plot, latest.current, colour)],
            setCursor: [({ cursor }) => tell(cursor.idx ?? null)],
            setSelect: [
              (plot) => {
                const { left, width } = plot.select;
                if (width < 4) return;
                zoom({ from: plot.posToVal(left, "x"), to: plot.posToVal(left + width, "x") });
                plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              },
            ],
          },
        },
        [[], ...drawn.map(() => [])],
        element,
      );
    };
    const fill = () => {
      draw();
      chart.current?.setData(given.current);
    };
    fill();
    const resizing = new ResizeObserver(() => chart.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    resizing.observe(element);
    // A canvas knows no CSS variables: it is drawn again in the colours of the other theme.
    const stop = onThemeChange(fill);
    return () => {
      resizing.disconnect();
      stop();
      chart.current?.destroy();
      chart.current = null;
    };
    // Everything else is in what it is given, which does not need another chart.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [shape, group]);
  useEffect(() => {
    given.current = data;
    chart.current?.setData(data);
  });
  return <div ref={place} aria-hidden className="h-44 min-w-0 overflow-hidden" />;
}

function look({ label, colour: name }: Series, kind: Figure["kind"], colour: (name: string) => string): UPlot.Series {
  const stroke = colour(name);
  if (kind === "lines") return { label, stroke, width: 1.5, fill: `${stroke}14`, points: { show: true, size: 4, width: 0, fill: stroke, filter: alone } };
  const bars = UPlot.paths.bars?.({ size: [0.86, 40], align: 1 });
  return { label, stroke, width: 0, fill: stroke, points: { show: false }, ...(bars !== undefined && { paths: bars }) };
}

/** What stands between two gaps is no line: it is shown as a point. */
function alone(plot: UPlot, series: number): number[] {
  const values = plot.data[series] ?? [];
  return Array.from(values, (_, index) => index).filter((index) => values[index] != null && values[index - 1] == null && values[index + 1] == null);
}

/** When nobody was there and it slept. */
function shade(plot: UPlot, shades: readonly Piece[], colour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = colour;
  for (const { from, to } of shades) {
    const [left, right] = [Math.max(bbox.left, plot.valToPos(from, "x", true)), Math.min(bbox.left + bbox.width, plot.valToPos(to, "x", true))];
    if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
  }
  ctx.restore();
}

interface Annotations {
  figure: Figure;
  marks: readonly Mark[];
}

/** The limit, what was deployed when, and what was killed. */
function annotate(plot: UPlot, { figure: { limit, kills = [] }, marks }: Annotations, colour: (name: string) => string): void {
  const { ctx, bbox } = plot;
  const pixel = devicePixelRatio;
  ctx.save();
  ctx.lineWidth = pixel;
  ctx.font = `${MARK_FONT_PX * pixel}px Inter, sans-serif`;
  if (limit !== undefined) {
    const y = plot.valToPos(limit.value, "y", true);
    ctx.strokeStyle = colour("--bad");
    ctx.setLineDash([5 * pixel, 4 * pixel]);
    line(ctx, bbox.left, y, bbox.left + bbox.width, y);
  }
  ctx.setLineDash([2 * pixel, 3 * pixel]);
  ctx.strokeStyle = colour("--muted");
  ctx.fillStyle = colour("--muted");
  ctx.textAlign = "center";
  let free = bbox.left;
  for (const { at, label } of marks) {
    const x = plot.valToPos(at, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    line(ctx, x, bbox.top, x, bbox.top + bbox.height);
    // Where many were deployed soon after each other, some go without their name.
    const half = ctx.measureText(label).width / 2;
    if (x - half < free) continue;
    ctx.fillText(label, Math.min(x, bbox.left + bbox.width - half), bbox.top - 5 * pixel);
    free = x + half + 4 * pixel;
  }
  ctx.fillStyle = colour("--bad");
  const [times] = plot.data;
  for (const index of kills) {
    const x = plot.valToPos(times[index] ?? 0, "x", true);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top + bbox.height - 9 * pixel);
    ctx.lineTo(x - 5 * pixel, bbox.top + bbox.height);
    ctx.lineTo(x + 5 * pixel, bbox.top + bbox.height);
    ctx.fill();
  }
  ctx.restore();
}

function line(ctx: CanvasRenderingContext2D, fromX: number, fromY: number, toX: number, toY: number): void {
  ctx.beginPath();
  ctx.moveTo(fromX, fromY);
  ctx.lineTo(toX, toY);
  ctx.stroke();
}
