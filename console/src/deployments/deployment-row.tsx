import { Link } from "@tanstack/react-router";
import type { Deployment } from "@/api/queries";
import { useTicker } from "@/lib/now";
import { duration } from "@/lib/time";
import { chosenIn, isRunOfPipeline } from "@/runs/is-run";
import { TimeAgo } from "@/ui/time-ago";
import { SHORT_HASH } from "./commit";
import { ConditionChips, StateChip } from "./state-chip";
import { isOnItsWay } from "./states";
import { totalOf } from "./timeline-segments";
import { triggerWords } from "./triggers";

/** A deployment in a list: a link over the whole row. */
export function DeploymentRow({ deployment, isProjectShown }: { deployment: Deployment; isProjectShown?: boolean }) {
  const { id, number, project, slot, state, commit, created_at, created_by, trigger, failure } = deployment;
  const [subject] = commit?.message.split("\n", 1) ?? [];
  return (
    <li className="relative flex min-h-14 items-center gap-4 border-b border-line px-4 py-2 last:border-b-0 focus-within:bg-hover/60 hover:bg-hover/60">
      <span className="flex w-34 shrink-0 flex-wrap items-center gap-1 max-sm:order-2 max-sm:w-auto">
        <StateChip state={state} />
        <ConditionChips deployment={deployment} />
      </span>
      <div className="min-w-0 flex-1">
        <Link to="/deployments/$id" params={{ id }} data-row className="flex min-w-0 items-baseline gap-2 outline-offset-4 after:absolute after:inset-0">
          <span className="tabular shrink-0 text-sm font-medium">
            {isProjectShown === true && `${project} `}v{number}
          </span>
          <span className="truncate text-sm">{subject ?? <span className="text-muted">{isRunOfPipeline(deployment) ? [`pipeline version ${deployment.pipeline_version}`, ...chosenIn(deployment)].join(" · ") : id}</span>}</span>
        </Link>
        <p className="truncate text-xs text-muted">
          {slot}
          {commit !== null && (
            <>
              {" · "}
              <code className="code">{commit.hash.slice(0, SHORT_HASH)}</code> · {commit.author}
            </>
          )}
          {failure !== null && <span className="text-bad"> · {failure.code.replaceAll("_", " ")}</span>}
        </p>
      </div>
      <p className="w-40 truncate text-right text-xs text-muted max-lg:hidden" title={created_by}>
        {triggerWords(trigger)}
        <span className="block truncate">{created_by}</span>
      </p>
      <p className="tabular w-20 shrink-0 text-right text-xs text-muted max-sm:hidden">
        <TimeAgo at={created_at} className="block text-ink" />
        <Took deployment={deployment} />
      </p>
    </li>
  );
}

function Took({ deployment }: { deployment: Deployment }) {
  const now = useTicker(isOnItsWay(deployment.state));
  return <span>{duration(totalOf(deployment, now))}</span>;
}
