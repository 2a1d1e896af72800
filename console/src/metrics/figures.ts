/** The charts of a project and of a node: what the server measured, as lines and bars with names and units. */

import { bytes } from "@/lib/size";
import { CLASSES, type NodeFigures, type ProjectFigures, type Values } from "./answer";

export interface Series {
  label: string;
  values: Values;
  /** A variable of the theme. */
  colour: string;
}

export interface Figure {
  key: string;
  title: string;
  /** What one reads on it, for whoever does not know it. */
  meaning: string;
  kind: "lines" | "bars";
  /** Of bytes: its axis counts in powers of two. */
  isBinary?: boolean;
  /** Bars stand on each other: together they are the whole. */
  isStacked?: boolean;
  say: (value: number) => string;
  series: Series[];
  /** What it cannot or must not exceed. */
  limit?: { value: number; label: string } | undefined;
  /** Steps in which something was killed for its memory. */
  kills?: number[];
}

const CLASS_COLOURS: Record<(typeof CLASSES)[number], string> = { "1xx": "--faint", "2xx": "--good", "3xx": "--accent", "4xx": "--warn", "5xx": "--bad", other: "--line-strong" };
const SERVICE_COLOURS = ["--accent", "--rise", "--good", "--warn", "--build", "--bad", "--ansi-6", "--ansi-13"];

/** The figures of the last step come a little later than their time: until then they would only look like a fall. */
const LATE_S = 12;

/** Of less than that no rate is told. */
const SHORTEST_S = 10;

const rate = (value: number) => `${short(value)}/s`;
/** From milliseconds. */
export const milliseconds = (value: number) => (value < 1000 ? `${short(value)} ms` : `${short(value / 1000)} s`);
/** With more digits than a machine's size needs: most services use a small part of a core. */
const cores = (value: number) => `${short(value)} core${value === 1 ? "" : "s"}`;
const whole = (value: number) => String(Math.round(value));
const byteRate = (value: number) => `${bytes(value)}/s`;

/** Three digits that matter. */
export function short(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-GB");
  return String(Number(value.toPrecision(3)));
}

/** Counts per step as a rate per second. A step that has just begun says nothing yet. */
export function perSecond(counts: number[], { times, step_s }: Pick<ProjectFigures, "times" | "step_s">, now: number): Values {
  return counts.map((count, index) => {
    const passed = Math.min(step_s, now - LATE_S - (times[index] ?? 0));
    return passed < Math.min(step_s / 3, SHORTEST_S) ? null : count / passed;
  });
}

const any = (values: Values) => values.some((value) => value !== null && value > 0);

/** The charts about visitors: empty when there were none. */
export function trafficFigures(answer: ProjectFigures, now: number): Figure[] {
  const { requests, wakes } = answer;
  if (requests.totals.requests === 0 && !any(wakes.count)) return [];
  const classes = CLASSES.filter((name) => name === "2xx" || any(requests.by_class[name]));
  const { p50, p95, p99 } = requests.latency_ms;
  const figures: Figure[] = [
    {
      key: "requests",
      title: "Requests",
      meaning: "Answers per second, by the class of their status.",
      kind: "bars",
      isStacked: true,
      say: rate,
      series: classes.map((name) => ({ label: name, values: perSecond(requests.by_class[name], answer, now), colour: CLASS_COLOURS[name] })),
    },
    {
      key: "latency",
      title: "Time to answer",
      meaning: "Until an answer begins. One in a hundred took longer than p99.",
      kind: "lines",
      say: milliseconds,
      series: [
        { label: "p50", values: p50, colour: "--good" },
        { label: "p95", values: p95, colour: "--accent" },
        { label: "p99", values: p99, colour: "--warn" },
      ],
    },
    {
      key: "bytes",
      title: "Sent",
      meaning: "Bytes that went out to visitors, per second.",
      kind: "bars",
      say: byteRate,
      isBinary: true,
      series: [{ label: "Sent", values: perSecond(requests.bytes_out, answer, now), colour: "--accent" }],
    },
  ];
  if (any(wakes.count)) {
    figures.push(
      { key: "wakes", title: "Cold starts", meaning: "How often it was woken.", kind: "bars", say: whole, series: [{ label: "Woken", values: wakes.count, colour: "--build" }] },
      {
        key: "wake-time",
        title: "Time to wake up",
        meaning: "How long the first visitor waited for it.",
        kind: "lines",
        say: milliseconds,
        series: [
          { label: "On average", values: wakes.mean_ms, colour: "--build" },
          { label: "At most", values: wakes.max_ms, colour: "--warn" },
        ],
      },
    );
  }
  return figures;
}

/** The charts about processes: empty for a site, which has none. */
export function serviceFigures({ services }: Pick<ProjectFigures, "services">): Figure[] {
  if (services.length === 0) return [];
  const [only] = services;
  const isAlone = services.length === 1;
  const series = (label: string, values: (service: (typeof services)[number]) => Values): Series[] =>
    services.map((service, index) => ({ label: isAlone ? label : service.service, values: values(service), colour: SERVICE_COLOURS[index % SERVICE_COLOURS.length] ?? "--accent" }));
  const limit = isAlone ? (only?.memory_limit_bytes ?? null) : null;
  const kills = [...new Set(services.flatMap(({ oom_kills }) => oom_kills.flatMap((count, index) => (count > 0 ? [index] : []))))].sort((one, other) => one - other);
  const figures: Figure[] = [
    { key: "cpu", title: "CPU", meaning: "Cores in use, all replicas together.", kind: "lines", say: cores, series: series("CPU", ({ cpu_cores }) => cpu_cores) },
    {
      key: "memory",
      title: "Memory",
      meaning: "The most that one replica held. A triangle: killed, as it needed more.",
      kind: "lines",
      say: bytes,
      isBinary: true,
      series: series("Memory", ({ memory_max_bytes }) => memory_max_bytes),
      limit: limit === null ? undefined : { value: limit, label: "Limit" },
      kills,
    },
  ];
  if (services.some(({ restarts, oom_kills }) => any(restarts) || any(oom_kills))) {
    figures.push({ key: "restarts", title: "Restarts", meaning: "How often a process ended by itself and was started again.", kind: "bars", isStacked: true, say: whole, series: series("Restarts", ({ restarts }) => restarts) });
  }
  return figures;
}

export function nodeFigures(answer: NodeFigures): Figure[] {
  const limit = (value: number | null) => (value === null ? undefined : { value, label: "Has" });
  const one = (label: string, values: Values): Series[] => [{ label, values, colour: "--accent" }];
  return [
    { key: "cpu", title: "CPU", meaning: "Cores in use.", kind: "lines", say: cores, series: one("CPU", answer.cpu_cores), limit: limit(answer.cpu_limit_cores) },
    { key: "memory", title: "Memory", meaning: "In use, at most in each step.", kind: "lines", say: bytes, isBinary: true, series: one("Memory", answer.memory_used_bytes), limit: limit(answer.memory_limit_bytes) },
    { key: "disk", title: "Disk", meaning: "In use.", kind: "lines", say: bytes, isBinary: true, series: one("Disk", answer.disk_used_bytes), limit: limit(answer.disk_limit_bytes) },
    { key: "containers", title: "Containers", meaning: "That run.", kind: "lines", say: whole, series: one("Containers", answer.containers) },
  ];
}

/** What stands above each other in a chart whose bars are stacked: each with all below it, the highest first. */
export function stacked(series: readonly Series[]): Series[] {
  const sums: Series[] = [];
  for (const { label, values, colour } of series) {
    const below = sums.at(-1)?.values;
    sums.push({ label, colour, values: values.map((value, index) => (value === null && below?.[index] == null ? null : (value ?? 0) + (below?.[index] ?? 0))) });
  }
  return sums.reverse();
}

/** A chart in words, for whoever does not see it. */
export function summaryOf({ title, series, say, limit, kills = [] }: Figure): string {
  const told = series.map(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    const last = known.at(-1);
    const name = label === title ? "" : `${label} `;
    return last === undefined ? `${name}nothing measured` : `${name}${say(last)} last, ${say(Math.max(...known))} at most`;
  });
  const killed = kills.length === 0 ? "" : `; killed for its memory in ${kills.length} step${kills.length === 1 ? "" : "s"}`;
  return `${title}: ${told.join("; ")}${limit === undefined ? "" : `; limit ${say(limit.value)}`}${killed}`;
}
