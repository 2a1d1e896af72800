import { CircleAlert, RotateCw } from "lucide-react";
import { type ProblemError, asProblem } from "@/api/problem";
import { cn } from "@/lib/cn";
import { Button } from "./button";
import { Command, CopyId } from "./copy";
import { Prose } from "./prose";

interface Props {
  error: unknown;
  /** What could not be done, in front of the server's own words. */
  what?: string;
  onRetry?: () => void;
  isRetrying?: boolean;
  className?: string;
}

/** What failed, what to do next, and the id to ask about it. It stays where it happened. */
export function ProblemPanel({ error, what, onRetry, isRetrying, className }: Props) {
  const problem = asProblem(error);
  return (
    <div role="alert" className={cn("rounded-lg border border-bad/35 bg-bad-wash px-4 py-3 text-sm", className)}>
      <div className="flex items-start gap-3">
        <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-bad" />
        <div className="min-w-0 flex-1">
          <p className="font-medium">{what ?? problem.title}</p>
          <p className="mt-0.5 text-muted">
            <Prose text={problem.detail} />
          </p>
          <Details problem={problem} />
        </div>
        {onRetry !== undefined && (
          <Button size="small" onClick={onRetry} isBusy={isRetrying === true}>
            {isRetrying !== true && <RotateCw aria-hidden />} Try again
          </Button>
        )}
      </div>
    </div>
  );
}

function Details({ problem }: { problem: ProblemError }) {
  const { fields, fixes, page, requestId, retryAfterS } = problem;
  return (
    <>
      {fields.length > 0 && (
        <ul className="mt-1.5 list-inside list-disc text-muted">
          {fields.map(({ pointer, detail }, index) => (
            <li key={index}>
              {pointer !== "" && <code className="code text-ink">{pointer.slice(1).replaceAll("/", ".")}</code>} {detail}
            </li>
          ))}
        </ul>
      )}
      {fixes.map(({ title, command }) => (
        <div key={title} className="mt-2 flex flex-wrap items-center gap-x-3 gap-y-1">
          <span className="text-muted">{title}</span>
          {command !== null && <Command text={command} />}
        </div>
      ))}
      <p className="mt-1.5 flex flex-wrap items-center gap-x-3 text-xs text-muted">
        {retryAfterS !== null && <span>Try again in {retryAfterS} s.</span>}
        {page !== null && (
          <a href={page} target="_blank" rel="noreferrer" className="inline-flex min-h-6 items-center underline underline-offset-2 hover:text-ink">
            What this means
          </a>
        )}
        {requestId !== null && (
          <span className="inline-flex items-center gap-1">
            Request <CopyId id={requestId} what="request id" />
          </span>
        )}
      </p>
    </>
  );
}
