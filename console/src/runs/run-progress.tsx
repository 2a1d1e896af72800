import { useQuery } from "@tanstack/react-query";
import type { Deployment } from "@/api/queries";
import { cn } from "@/lib/cn";
import { pipelineOf, roundsOf } from "@/pipelines/model";
import { pipelineVersionQuery } from "@/pipelines/queries";
import { runStepsOf } from "./run-steps";
import { STATUSES, statusOf } from "./statuses";

/** The steps of a run in few pixels: rounds from left to right, each step with its state in words. */
export function RunProgress({ deployment }: { deployment: Deployment }) {
  const { project, pipeline_version, steps } = deployment;
  const version = useQuery({ ...pipelineVersionQuery(project, pipeline_version), enabled: pipeline_version > 0 }).data;
  const causes = new Set(runStepsOf(deployment, { steps: {} }, 0).flatMap(({ name, isCause }) => (isCause ? [name] : [])));
  const rounds = version === undefined ? [steps.map(({ name }) => name)] : roundsOf(pipelineOf(version.pipeline));
  return (
    <ol aria-label="Steps" className="flex flex-wrap items-center gap-x-2 gap-y-1">
      {rounds.map((round, index) => (
        <li key={index} className="flex flex-wrap items-center gap-1">
          {index > 0 && (
            <span aria-hidden className="text-faint">
              →
            </span>
          )}
          {round.map((name) => {
            const status = causes.has(name) ? "failed" : statusOf(steps.find((it) => it.name === name));
            const { icon: Icon, label, look, isMoving } = STATUSES[status];
            return (
              <span key={name} className="inline-flex items-center gap-1 rounded-full border border-line px-2 py-0.5 text-xs" title={label}>
                <Icon aria-hidden className={cn("size-3.5", look, isMoving && "animate-spin-slow")} />
                {name}
                <span className="sr-only">, {label}</span>
              </span>
            );
          })}
        </li>
      ))}
    </ol>
  );
}
