import {
  ArrowUp,
  Circle,
  CircleDot,
  Clock,
  Hammer,
  type LucideIcon,
  Moon,
  RotateCw,
  Unplug,
  X,
} from "lucide-react";
import type { Deployment, DeploymentState } from "@/api/queries";

interface Look {
  label: string;
  icon: LucideIcon;
  /** Never the only sign: the icon and the word say the same. */
  look: string;
  bar: string;
  isMoving: boolean;
}

export const STATES: Record<DeploymentState, Look> = {
  QUEUED: { label: "Queued", icon: Clock, look: "bg-hover text-muted", bar: "bg-line-strong", isMoving: false },
  BUILDING: { label: "Building", icon: Hammer, look: "bg-build-wash text-build", bar: "bg-build", isMoving: true },
  PROVISIONING: { label: "Provisioning", icon: ArrowUp, look: "bg-rise-wash text-rise", bar: "bg-rise", isMoving: true },
  PRODUCTION: { label: "Production", icon: CircleDot, look: "bg-good-wash text-good", bar: "bg-good", isMoving: false },
  INACTIVE: { label: "Inactive", icon: Circle, look: "bg-hover text-muted", bar: "bg-line-strong", isMoving: false },
  FAILED: { label: "Failed", icon: X, look: "bg-bad-wash text-bad", bar: "bg-bad", isMoving: false },
};

export const CONDITIONS: Record<keyof Deployment["conditions"], Pick<Look, "label" | "icon" | "look">> = {
  asleep: { label: "Asleep", icon: Moon, look: "bg-build-wash text-build" },
  offline: { label: "Offline", icon: Unplug, look: "bg-warn-wash text-warn" },
  crash_looping: { label: "Crash loop", icon: RotateCw, look: "bg-bad-wash text-bad" },
};

export const ALL_STATES = Object.keys(STATES) as DeploymentState[];

export function isOnItsWay(state: DeploymentState): boolean {
  return state === "QUEUED" || state === "BUILDING" || state === "PROVISIONING";
}

export function hasEnded(state: DeploymentState): boolean {
  return state === "FAILED" || state === "INACTIVE";
}

export function conditionsOf({ conditions }: Pick<Deployment, "conditions">): (keyof Deployment["conditions"])[] {
  return (Object.keys(CONDITIONS) as (keyof Deployment["conditions"])[]).filter((name) => conditions[name]);
}
