import { Hourglass, Infinity as Forever } from "lucide-react";
import { cn } from "@/lib/cn";
import { useNow } from "@/lib/now";
import { absoluteTime, remaining } from "@/lib/time";

const SOON_MS = 24 * 3_600_000;
const VERY_SOON_MS = 3_600_000;

/** How long a slot has left. */
export function Countdown({ at, className }: { at: string | null; className?: string }) {
  const now = useNow(at ?? 0);
  if (at === null) {
    return (
      <span className={cn("inline-flex items-center gap-1 text-xs text-muted", className)}>
        <Forever aria-hidden className="size-3.5" /> stays
      </span>
    );
  }
  const left = new Date(at).getTime() - now;
  return (
    <span className={cn("tabular inline-flex items-center gap-1 text-xs", left < VERY_SOON_MS ? "text-bad" : left < SOON_MS ? "text-warn" : "text-muted", className)}>
      <Hourglass aria-hidden className="size-3.5" />
      <time dateTime={at} title={`Deleted ${absoluteTime(at)}`}>
        {remaining(left)} left
      </time>
    </span>
  );
}
