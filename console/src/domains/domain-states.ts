import { CircleCheck, CircleX, Hourglass, type LucideIcon } from "lucide-react";
import type { Domain } from "./queries";

interface Look {
  label: string;
  icon: LucideIcon;
  look: string;
}

export const DOMAIN_STATES: Record<Domain["state"], Look> = {
  pending: { label: "Not looked at yet", icon: Hourglass, look: "bg-hover text-muted" },
  verified: { label: "Yours", icon: CircleCheck, look: "bg-good-wash text-good" },
  failed: { label: "Not proved", icon: CircleX, look: "bg-warn-wash text-warn" },
};

const SOON_MS = 14 * 86_400_000;

export interface Expiry {
  /** Whether somebody, or the platform, has to do something about it. */
  isSoon: boolean;
  isOver: boolean;
}

export function expiryOf(notAfter: string, now: number): Expiry {
  const left = new Date(notAfter).getTime() - now;
  return { isOver: left <= 0, isSoon: left > 0 && left < SOON_MS };
}
