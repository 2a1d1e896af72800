import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ChevronRight, RotateCcw } from "lucide-react";
import { useState } from "react";
import { cn } from "@/lib/cn";
import { Button } from "@/ui/button";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { useReplay } from "./mutations";
import { type Sent, sentQuery } from "./queries";
import { SENT_STATES } from "./words";

/** What was sent to somebody, the newest first, and what it came to. */
export function SentList({ project, notification }: { project: string; notification: string }) {
  const query = useQuery(sentQuery(project, notification));
  return (
    <div className="border-t border-line bg-sunken/60">
      {query.isError && <ProblemPanel what="What was sent could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} className="m-3" />}
      {query.isPending && <SkeletonRows count={2} className="h-10" />}
      {query.data?.length === 0 && <p className="px-4 py-3 text-xs text-muted">Nothing was sent in the last thirty days. Test it, or deploy something.</p>}
      <ul aria-label={`Sent to ${notification}`} className="max-h-96 overflow-y-auto">
        {query.data?.map((sent) => (
          <SentRow key={sent.id} project={project} notification={notification} sent={sent} />
        ))}
      </ul>
    </div>
  );
}

function SentRow({ project, notification, sent }: { project: string; notification: string; sent: Sent }) {
  const { id, event, state, attempts, answer, body, created_at, next_attempt_at, deployment } = sent;
  const [isOpen, setIsOpen] = useState(false);
  const replay = useReplay(project, notification);
  const { label, icon: Icon, look } = SENT_STATES[state] ?? { label: state, icon: ChevronRight, look: "text-muted" };
  return (
    <li className="border-b border-line last:border-0">
      <div className="flex items-center gap-2 pr-3">
        <button type="button" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)} className="flex min-h-10 min-w-0 flex-1 items-center gap-2.5 py-1.5 pl-4 text-left text-xs hover:bg-hover/60">
          <ChevronRight aria-hidden className={cn("size-3.5 shrink-0 text-muted transition-transform", isOpen && "rotate-90")} />
          <span className={cn("inline-flex shrink-0 items-center gap-1", look)}>
            <Icon aria-hidden className="size-3.5" /> {label}
          </span>
          <code className="code shrink-0">{event}</code>
          <span className="min-w-0 flex-1 truncate text-muted max-sm:hidden">
            {answer ?? ""}
            {attempts > 1 && ` · ${attempts} attempts`}
          </span>
          <TimeAgo at={created_at} className="tabular ml-auto shrink-0 text-muted" />
        </button>
        <Button
          size="small"
          kind="quiet"
          isBusy={replay.isPending}
          disabled={state === "pending"}
          title={state === "pending" ? "It is on its way already" : "Send the same again"}
          aria-label={`Send ${event} again`}
          onClick={() => replay.mutate(id, { onSuccess: () => toast("It is sent again, with the same id.") })}
        >
          {!replay.isPending && <RotateCcw aria-hidden />} <span className="max-sm:sr-only">Again</span>
        </Button>
      </div>
      {isOpen && (
        <div className="flex flex-col gap-1.5 px-4 pb-3 pl-10 text-xs text-muted">
          <p>
            {attempts === 0 ? "Not tried yet" : attempts === 1 ? "One attempt" : `${attempts} attempts`}
            {answer !== null && <>, the last: {answer}</>}
            {next_attempt_at !== null && (
              <>
                {" "}
                · tried again <TimeAgo at={next_attempt_at} />
              </>
            )}
          </p>
          <p>
            <code className="code break-all">{id}</code>
            {deployment !== null && (
              <>
                {" "}
                ·{" "}
                <Link to="/deployments/$id" params={{ id: deployment }} className="underline underline-offset-2 hover:text-ink">
                  its deployment
                </Link>
              </>
            )}
          </p>
          {body !== null && (
            <pre tabIndex={0} aria-label="What was sent" className="code max-h-64 overflow-auto rounded-md border border-line bg-surface px-2.5 py-1.5 text-ink">
              {pretty(body)}
            </pre>
          )}
        </div>
      )}
      {replay.isError && <ProblemPanel what="It was not sent again" error={replay.error} className="mx-4 mb-3" />}
    </li>
  );
}

function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
