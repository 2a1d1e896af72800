import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import { CircleAlert, Globe, Tags, TriangleAlert } from "lucide-react";
import { cn } from "@/lib/cn";
import { STATUSES, type StepStatus } from "@/runs/statuses";
import { NODE_HEIGHT, NODE_WIDTH } from "./layout";
import { type Step, gistOf } from "./model";
import { StepIcon } from "./step-icon";

export interface StepNodeData extends Record<string, unknown> {
  name: string;
  step: Step;
  /** The tag that was chosen instead of the usual one. */
  tag?: string | undefined;
  problem?: { message: string; isError: boolean } | undefined;
  status?: StepStatus | undefined;
  /** How long it took, or why it waits. */
  note?: string | undefined;
  canConnect: boolean;
}

export type StepFlowNode = Node<StepNodeData, "step">;

/** A step on the canvas. Its handles have a hit area of 24 pixels (WCAG 2.5.8). */
export function StepNode({ data, selected }: NodeProps<StepFlowNode>) {
  const { name, step, tag, problem, status, note, canConnect } = data;
  const look = status === undefined ? null : STATUSES[status];
  const StatusIcon = look?.icon;
  return (
    <div
      style={{ width: NODE_WIDTH, height: NODE_HEIGHT }}
      className={cn(
        "flex items-center gap-2.5 rounded-lg border bg-surface px-2.5 text-left shadow-sm shadow-[black]/5",
        problem?.isError === true ? "border-bad" : problem !== undefined ? "border-warn" : (look?.border ?? "border-line-strong/60"),
        selected && "outline-2 outline-offset-1 outline-accent",
        status === "waiting" && "opacity-75",
      )}
    >
      <Handle type="target" position={Position.Left} isConnectable={canConnect} className="flow-handle" />
      <StepIcon kind={step.kind} />
      <span className="min-w-0 flex-1">
        <span className="flex items-center gap-1.5">
          <span className="truncate text-sm font-medium">{name}</span>
          {step.public !== undefined && <Globe aria-label="public" className="size-3 shrink-0 text-muted" />}
          {step.selectable_tags !== undefined && <Tags aria-label="tag can be chosen" className="size-3 shrink-0 text-muted" />}
        </span>
        <span className="block truncate text-xs text-muted" title={gistOf(step)}>
          {tag === undefined ? gistOf(step) : `${gistOf(step).replace(/:[^:/]*$/, "")}:${tag}`}
        </span>
        {note !== undefined && <span className="tabular block truncate text-2xs text-muted">{note}</span>}
      </span>
      {problem !== undefined && (
        <span title={problem.message} className={problem.isError ? "text-bad" : "text-warn"}>
          {problem.isError ? <CircleAlert aria-label={problem.message} className="size-4" /> : <TriangleAlert aria-label={problem.message} className="size-4" />}
        </span>
      )}
      {look !== null && StatusIcon !== undefined && (
        <span className={look.look} title={look.label}>
          <StatusIcon aria-label={look.label} className={cn("size-4", look.isMoving && "animate-spin-slow")} />
        </span>
      )}
      <Handle type="source" position={Position.Right} isConnectable={canConnect} className="flow-handle" />
    </div>
  );
}
