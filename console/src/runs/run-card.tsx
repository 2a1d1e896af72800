import { useQuery } from "@tanstack/react-query";
import { Suspense, lazy } from "react";
import type { Deployment } from "@/api/queries";
import { isOnItsWay } from "@/deployments/states";
import { cn } from "@/lib/cn";
import { useTicker } from "@/lib/now";
import { duration } from "@/lib/time";
import { pipelineOf } from "@/pipelines/model";
import { pipelineVersionQuery } from "@/pipelines/queries";
import { StepIcon } from "@/pipelines/step-icon";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { type RunStep, runStepsOf, shortNote } from "./run-steps";
import { STATUSES } from "./statuses";

const Canvas = lazy(() => import("@/pipelines/canvas"));
const NONE = {};

interface Props {
  deployment: Deployment;
  /** The step that the log shows alone. */
  step: string | undefined;
  onStep: (step: string | undefined) => void;
}

/** A run as a graph and as a list; a click on a step shows its lines. */
export function RunCard({ deployment, step, onStep }: Props) {
  const { project, pipeline_version, state, tags } = deployment;
  const query = useQuery(pipelineVersionQuery(project, pipeline_version));
  const now = useTicker(isOnItsWay(state));
  if (query.isError) return <ProblemPanel what={`Version ${pipeline_version} of the pipeline could not be read`} error={query.error} onRetry={() => void query.refetch()} />;
  if (query.data === undefined) return <Skeleton className="h-72 rounded-xl" />;
  const pipeline = pipelineOf(query.data.pipeline);
  const steps = runStepsOf(deployment, pipeline, now);
  const states = Object.fromEntries(steps.map((it) => [it.name, { status: it.isCause ? ("failed" as const) : it.status, note: shortNote(it), tag: tags[it.name] }]));
  const total = Math.max(1, ...steps.map(({ offset, ms }) => (offset ?? 0) + (ms ?? 0)));
  return (
    <section aria-label="The run" className="grid overflow-hidden rounded-xl border border-line bg-surface lg:grid-cols-[minmax(0,1fr)_24rem]">
      <div className="h-80 border-line max-lg:border-b max-sm:hidden lg:h-auto lg:min-h-80 lg:border-r">
        <Suspense fallback={<Skeleton className="size-full" />}>
          <Canvas pipeline={pipeline} positions={NONE} selected={step ?? null} onSelect={(name) => onStep(name ?? undefined)} label="The run as a graph" states={states} />
        </Suspense>
      </div>
      <ol aria-label="Steps" className="max-h-112 overflow-y-auto">
        {steps.map((it) => (
          <StepRow key={it.name} step={it} total={total} isChosen={it.name === step} onChoose={() => onStep(it.name === step ? undefined : it.name)} />
        ))}
      </ol>
    </section>
  );
}

function StepRow({ step, total, isChosen, onChoose }: { step: RunStep; total: number; isChosen: boolean; onChoose: () => void }) {
  const { name, kind, status, offset, ms, note, isCause } = step;
  const { icon: Icon, label, look, isMoving } = isCause ? STATUSES.failed : STATUSES[status];
  return (
    <li className="border-b border-line last:border-0">
      <button type="button" aria-pressed={isChosen} onClick={onChoose} title={isChosen ? "Show every step again" : `Show only the lines of ${name}`} className={cn("flex w-full items-center gap-2.5 px-3 py-1.5 text-left hover:bg-hover", isChosen && "bg-accent-wash")}>
        <StepIcon kind={kind} />
        <span className="min-w-0 flex-1">
          <span className="flex items-center gap-1.5 text-sm">
            <span className="truncate font-medium">{name}</span>
            <span className={cn("inline-flex shrink-0 items-center gap-1 text-xs", look)}>
              <Icon aria-hidden className={cn("size-3.5", isMoving && "animate-spin-slow")} /> {label}
              {isCause && status !== "failed" && `, ${STATUSES[status].label.toLowerCase()}`}
            </span>
            <span className="tabular ml-auto shrink-0 text-xs text-muted">{ms !== null && duration(ms)}</span>
          </span>
          {note !== null && <span className="block truncate text-xs text-muted">{note}</span>}
          <span aria-hidden className="mt-1 block h-1 overflow-hidden rounded-full bg-hover">
            {offset !== null && ms !== null && <span className={cn("block h-full min-w-0.5 rounded-full", isCause ? "bg-bad" : status === "succeeded" ? "bg-good" : isMoving ? "bg-rise" : "bg-line-strong")} style={{ marginLeft: `${(offset / total) * 100}%`, width: `${(ms / total) * 100}%` }} />}
          </span>
        </span>
      </button>
    </li>
  );
}
