import { CircleDot, CirclePause, CircleSlash, Clock, type LucideIcon, ShieldAlert, Unplug } from "lucide-react";
import type { Node } from "@/api/queries";
import { cn } from "@/lib/cn";

const STATUSES: Record<string, { label: string; icon: LucideIcon; look: string }> = {
  pending: { label: "Pending", icon: Clock, look: "bg-hover text-muted" },
  online: { label: "Online", icon: CircleDot, look: "bg-good-wash text-good" },
  offline: { label: "Offline", icon: Unplug, look: "bg-warn-wash text-warn" },
  untrusted: { label: "Untrusted", icon: ShieldAlert, look: "bg-bad-wash text-bad" },
  incompatible: { label: "Incompatible", icon: CircleSlash, look: "bg-bad-wash text-bad" },
  cordoned: { label: "Cordoned", icon: CirclePause, look: "bg-build-wash text-build" },
};

export function NodeStatus({ node: { status, draining } }: { node: Pick<Node, "status" | "draining"> }) {
  const { label, icon: Icon, look } = STATUSES[status] ?? { label: status, icon: Clock, look: "bg-hover text-muted" };
  return (
    <span className={cn("inline-flex h-5.5 items-center gap-1 rounded-full px-2 text-xs font-medium whitespace-nowrap [&_svg]:size-3", look)}>
      <Icon aria-hidden strokeWidth={2.5} /> {draining ? "Draining" : label}
    </span>
  );
}
