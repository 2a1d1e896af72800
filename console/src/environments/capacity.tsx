import type { Node } from "@/api/queries";
import { cn } from "@/lib/cn";
import { cores, megabytes } from "@/lib/size";

interface BarProps {
  label: string;
  used: number;
  /** The limits of what was placed there, added up. */
  promised?: number;
  total: number;
  say: (value: number) => string;
}

const TIGHT = 0.9;

/** How much is used and how much is promised, of how much there is. */
function CapacityBar({ label, used, promised, total, say }: BarProps) {
  const percent = (value: number) => `${Math.min(100, (value / Math.max(1e-9, total)) * 100)}%`;
  const words = `${say(used)}${promised === undefined ? "" : `, ${say(promised)} promised,`} of ${say(total)}`;
  return (
    <div className="min-w-0">
      <div className="flex items-baseline justify-between gap-2 text-xs">
        <span className="text-muted">{label}</span>
        <span className="tabular truncate">
          {say(used)} <span className="text-muted">of {say(total)}</span>
        </span>
      </div>
      <div role="img" aria-label={`${label}: ${words}`} title={words} className="relative mt-1 h-2 overflow-clip rounded-full bg-hover">
        {promised !== undefined && <span className="absolute inset-y-0 left-0 rounded-full bg-accent/25" style={{ width: percent(promised) }} />}
        <span
          className={cn("absolute inset-y-0 left-0 rounded-full", used / total > TIGHT ? "bg-bad" : "bg-accent")}
          style={{ width: percent(used) }}
        />
      </div>
      {promised !== undefined && <p className="tabular mt-0.5 text-2xs text-muted">{say(promised)} promised</p>}
    </div>
  );
}

/** What a node has, and who has it. */
export function Capacity({ node, className }: { node: Node; className?: string }) {
  const { machine, usage, allocated } = node;
  if (machine === null || usage === null) {
    return <p className={cn("text-xs text-muted", className)}>Its figures are known while it is connected.</p>;
  }
  return (
    <div className={cn("grid grid-cols-3 gap-5 max-sm:grid-cols-1 max-sm:gap-2", className)}>
      <CapacityBar label="CPU" used={usage.cpu} promised={allocated.cpu} total={machine.cpu_cores} say={cores} />
      <CapacityBar label="Memory" used={usage.memory_mb} promised={allocated.memory_mb} total={machine.memory_mb} say={megabytes} />
      <CapacityBar label="Disk" used={machine.disk_mb - usage.disk_free_mb} total={machine.disk_mb} say={megabytes} />
    </div>
  );
}
