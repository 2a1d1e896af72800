/** How a step of a run is doing, for people. */

import { CircleCheck, CircleDashed, CircleX, Hourglass, LoaderCircle, type LucideIcon, RotateCw, TriangleAlert, Undo2 } from "lucide-react";
import type { Schemas } from "@/api/client";

export type StepStatus = Schemas["StepStatus"] | "waiting";

interface Look {
  label: string;
  icon: LucideIcon;
  look: string;
  border: string;
  isMoving: boolean;
}

export const STATUSES: Record<StepStatus, Look> = {
  waiting: { label: "Waiting", icon: Hourglass, look: "text-muted", border: "border-line", isMoving: false },
  running: { label: "Running", icon: LoaderCircle, look: "text-rise", border: "border-rise", isMoving: true },
  retrying: { label: "Retrying", icon: RotateCw, look: "text-warn", border: "border-warn", isMoving: true },
  succeeded: { label: "Succeeded", icon: CircleCheck, look: "text-good", border: "border-good/60", isMoving: false },
  failed: { label: "Failed", icon: CircleX, look: "text-bad", border: "border-bad", isMoving: false },
  stopping: { label: "Stopping", icon: LoaderCircle, look: "text-muted", border: "border-line-strong", isMoving: true },
  undoing: { label: "Undoing", icon: Undo2, look: "text-warn", border: "border-warn", isMoving: true },
  undone: { label: "Undone", icon: CircleDashed, look: "text-muted", border: "border-line", isMoving: false },
  left_over: { label: "Left over", icon: TriangleAlert, look: "text-warn", border: "border-warn", isMoving: false },
};

export function statusOf(step: Pick<Schemas["Step"], "status" | "finished_at" | "exit_code"> | undefined): StepStatus {
  if (step === undefined) return "waiting";
  if (step.status !== null) return step.status;
  if (step.finished_at === null) return "running";
  return step.exit_code === null || step.exit_code === 0 ? "succeeded" : "failed";
}
