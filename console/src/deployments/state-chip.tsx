import type { Deployment, DeploymentState } from "@/api/queries";
import { cn } from "@/lib/cn";
import { CONDITIONS, STATES, conditionsOf } from "./states";

const CHIP = "inline-flex h-5.5 items-center gap-1 rounded-full px-2 text-xs font-medium whitespace-nowrap [&_svg]:size-3";

export function StateChip({ state, className }: { state: DeploymentState; className?: string }) {
  const { label, icon: Icon, look, isMoving } = STATES[state];
  return (
    <span className={cn(CHIP, look, className)}>
      <Icon aria-hidden strokeWidth={2.5} className={cn(isMoving && "animate-breathe")} />
      {label}
    </span>
  );
}

/** What is the matter besides the state. */
export function ConditionChips({ deployment }: { deployment: Pick<Deployment, "conditions"> }) {
  return conditionsOf(deployment).map((name) => {
    const { label, icon: Icon, look } = CONDITIONS[name];
    return (
      <span key={name} className={cn(CHIP, look)}>
        <Icon aria-hidden strokeWidth={2.5} />
        {label}
      </span>
    );
  });
}
