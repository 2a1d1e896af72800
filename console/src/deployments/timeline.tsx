import type { Deployment } from "@/api/queries";
import { cn } from "@/lib/cn";
import { useTicker } from "@/lib/now";
import { duration } from "@/lib/time";
import { isOnItsWay } from "./states";
import { type Segment, segmentsOf, totalOf } from "./timeline-segments";

const BARS: Record<string, string> = {
  queued: "bg-line-strong",
  clone: "bg-accent",
  detect: "bg-accent",
  install: "bg-build",
  build: "bg-build",
  release: "bg-rise",
  start: "bg-good",
};

interface Props {
  deployment: Deployment;
  /** The step that the log shows alone. */
  step: string | undefined;
  onStep: (step: string | undefined) => void;
}

/** Where the time went; a click on a part shows its lines. */
export function Timeline({ deployment, step, onStep }: Props) {
  const isRunning = isOnItsWay(deployment.state);
  const now = useTicker(isRunning);
  const segments = segmentsOf(deployment, now);
  const total = segments.reduce((sum, { ms }) => sum + ms, 0);
  return (
    <div className="flex flex-col gap-2">
      <div aria-hidden className="flex h-2 gap-0.5 overflow-clip rounded-full bg-hover">
        {segments.map(({ name, ms, state }) => (
          <span
            key={name}
            className={cn(
              "min-w-1 basis-0 transition-[flex-grow] duration-300",
              state === "failed" ? "bg-bad" : (BARS[name] ?? "bg-accent"),
              state === "running" && "animate-breathe",
            )}
            style={{ flexGrow: Math.max(1, ms / Math.max(1, total) * 1000) }}
          />
        ))}
      </div>
      <div className="flex flex-wrap items-center gap-x-1 gap-y-0.5">
        <ol className="flex flex-wrap items-center gap-x-1 gap-y-0.5" aria-label="Steps">
          {segments.map((segment) => (
            <li key={segment.name}>
              <SegmentButton segment={segment} isChosen={step !== undefined && step === segment.logStep} onStep={onStep} />
            </li>
          ))}
        </ol>
        <span className="tabular ml-auto pr-1 text-xs text-muted">{duration(totalOf(deployment, now))} in all</span>
      </div>
    </div>
  );
}

function SegmentButton({ segment, isChosen, onStep }: { segment: Segment; isChosen: boolean; onStep: Props["onStep"] }) {
  const { name, label, ms, state, note, logStep } = segment;
  return (
    <button
      type="button"
      disabled={logStep === null}
      aria-pressed={isChosen}
      title={logStep === null ? undefined : isChosen ? "Show every step again" : `Show only the lines of ${label}`}
      onClick={() => onStep(isChosen ? undefined : (logStep ?? undefined))}
      className={cn(
        "flex min-h-7 items-center gap-1.5 rounded-md px-1.5 text-xs text-muted enabled:hover:bg-hover disabled:cursor-default",
        isChosen && "bg-accent-wash text-ink",
      )}
    >
      <span aria-hidden className={cn("size-2 rounded-[2px]", state === "failed" ? "bg-bad" : (BARS[name] ?? "bg-accent"), state === "running" && "animate-breathe")} />
      <span className={state === "failed" ? "font-medium text-bad" : "text-ink"}>{label}</span>
      <span className="tabular">{duration(ms)}</span>
      {note !== null && <span className="max-sm:hidden">({note})</span>}
      {state === "failed" && <span className="sr-only">failed</span>}
      {state === "running" && <span className="sr-only">running</span>}
    </button>
  );
}
