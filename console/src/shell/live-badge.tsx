import { useLiveStatus } from "@/api/live";
import { cn } from "@/lib/cn";

const WORDS = {
  live: ["Live", "Changes show as they happen."],
  connecting: ["Connecting", "Connecting to the stream of events."],
  offline: ["Delayed", "The stream of events is cut. What you see is asked for every few seconds."],
} as const;

export function LiveBadge() {
  const status = useLiveStatus();
  const [word, explained] = WORDS[status];
  return (
    <span role="status" title={explained} className="inline-flex h-6 items-center gap-1.5 rounded-full px-2 text-xs text-muted">
      <span
        aria-hidden
        className={cn(
          "size-1.5 rounded-full",
          status === "live" && "bg-good",
          status === "connecting" && "animate-breathe bg-line-strong",
          status === "offline" && "bg-warn",
        )}
      />
      <span className="max-sm:sr-only">{word}</span>
    </span>
  );
}
