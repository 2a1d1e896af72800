import { useNow } from "@/lib/now";
import { absoluteTime, timeAgo } from "@/lib/time";

export function TimeAgo({ at, className }: { at: string; className?: string }) {
  const now = useNow(at);
  return (
    <time dateTime={at} title={absoluteTime(at)} className={className}>
      {timeAgo(at, now)}
    </time>
  );
}
