import { useEffect, useRef, useState } from "react";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Node } from "@/api/queries";
import { cores, megabytes } from "@/lib/size";

/** An hour of samples at one in five seconds. */
const MOST_SAMPLES = 720;
/** What is shown at least, so that the first figures do not fill the chart. */
const SHORTEST_S = 120;

interface Sample {
  at: number;
  cpu: number;
  memory: number;
}

/** What was heard of a node since this page was opened, the last of it `at`. The server keeps no history of it yet. */
export default function UsageCharts({ node, at }: { node: Node; at: number }) {
  const samples = useSamples(node, at);
  const { machine } = node;
  if (machine === null) return null;
  return (
    <div className="mt-5 grid gap-5 md:grid-cols-2">
      <Chart label="CPU" samples={samples} value={(sample) => sample.cpu} most={machine.cpu_cores} say={cores} />
      <Chart label="Memory" samples={samples} value={(sample) => sample.memory} most={machine.memory_mb} say={megabytes} />
    </div>
  );
}

function useSamples({ id, usage }: Node, at: number): readonly Sample[] {
  const [kept, setKept] = useState<{ id: string; usage: Node["usage"]; samples: readonly Sample[] }>({ id, usage: null, samples: [] });
  if (usage !== null && (kept.usage !== usage || kept.id !== id)) {
    const before = kept.id === id ? kept.samples : [];
    const sample = { at: at / 1000, cpu: usage.cpu, memory: usage.memory_mb };
    setKept({ id, usage, samples: [...before.slice(1 - MOST_SAMPLES), sample] });
  }
  return kept.samples;
}

function clockTime(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB");
}

function shownTimes({ data: [times] }: UPlot): UPlot.Range.MinMax {
  const [first, last] = [times[0], times.at(-1)];
  return first === undefined || last === undefined ? [0, SHORTEST_S] : [Math.min(first, last - SHORTEST_S), last];
}

interface ChartProps {
  label: string;
  samples: readonly Sample[];
  value: (sample: Sample) => number;
  most: number;
  say: (value: number) => string;
}

const HEIGHT = 120;

function Chart({ label, samples, value, most, say }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<UPlot | null>(null);
  const data: UPlot.AlignedData = [samples.map(({ at }) => at), samples.map(value)];
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const colour = (name: string) => getComputedStyle(element).getPropertyValue(name).trim();
    const draw = () => {
      chart.current?.destroy();
      const [accent, line, muted] = [colour("--accent"), colour("--line"), colour("--muted")];
      const axis = { stroke: muted, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px Inter, sans-serif" };
      chart.current = new UPlot(
        {
          width: element.clientWidth,
          height: HEIGHT,
          legend: { show: false },
          cursor: { drag: { x: false, y: false }, points: { size: 6 } },
          scales: { x: { range: shownTimes }, y: { range: [0, most] } },
          axes: [{ ...axis, values: (_, times) => times.map(clockTime) }, { ...axis, size: 64, values: (_, values) => values.map(say) }],
          series: [{}, { stroke: accent, width: 1.5, fill: `color-mix(in oklch, ${accent} 14%, transparent)`, points: { show: false } }],
        },
        [[], []],
        element,
      );
    };
    draw();
    const resizing = new ResizeObserver(() => chart.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    resizing.observe(element);
    // Canvas does not know CSS variables, so it is drawn again in the colours of the other theme.
    const themes = new MutationObserver(draw);
    themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      resizing.disconnect();
      themes.disconnect();
      chart.current?.destroy();
      chart.current = null;
    };
    // `say` and `most` belong to the machine, which does not change.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [most]);
  useEffect(() => chart.current?.setData(data));
  const last = samples.at(-1);
  return (
    <figure className="min-w-0">
      <figcaption className="mb-1 flex justify-between text-xs text-muted">
        {label} since this page was opened {last !== undefined && <span className="tabular text-ink">{say(value(last))}</span>}
      </figcaption>
      <div ref={place} role="img" aria-label={`${label}: ${last === undefined ? "no figures yet" : `${say(value(last))} of ${say(most)} now`}`} className="h-30" />
    </figure>
  );
}
