import { useQuery } from "@tanstack/react-query";
import { deploymentEventsQuery } from "@/api/queries";
import { absoluteTime } from "@/lib/time";
import { ProblemPanel } from "@/ui/problem-panel";
import { Prose } from "@/ui/prose";
import { SkeletonRows } from "@/ui/skeleton";
import { StateChip } from "./state-chip";

/** Every transition, in the order in which it happened. */
export function EventList({ id }: { id: string }) {
  const events = useQuery(deploymentEventsQuery(id));
  if (events.isError) {
    return <ProblemPanel what="The events could not be read" error={events.error} onRetry={() => void events.refetch()} className="m-4" />;
  }
  if (events.data === undefined) return <SkeletonRows count={4} />;
  return (
    <ol>
      {events.data.map(({ sequence, at, to, reason, detail }) => (
        <li key={sequence} className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-4 py-2.5 text-sm last:border-0">
          <span className="tabular w-12 text-right text-xs text-faint" title="Order over all events">{sequence}</span>
          <StateChip state={to} />
          <span className="min-w-0 flex-1 text-muted">
            {reason !== null && <code className="code mr-2 text-ink">{reason}</code>}
            {detail !== null && <Prose text={detail} />}
          </span>
          <time dateTime={at} className="tabular text-xs text-muted">{absoluteTime(at)}</time>
        </li>
      ))}
    </ol>
  );
}
