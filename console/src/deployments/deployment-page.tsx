import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi, useLocation, useNavigate } from "@tanstack/react-router";
import { isNotFound } from "@/api/problem";
import { type Deployment, deploymentQuery, slotsQuery } from "@/api/queries";
import { RunCard } from "@/runs/run-card";
import { isRunOfPipeline } from "@/runs/is-run";
import { LogPanel } from "@/logs/log-panel";
import { NodeField } from "@/logs/node-field";
import { hashOf, rangeOf } from "@/logs/range";
import { useLog } from "@/logs/use-log";
import { NotFound } from "@/shell/failures";
import { Card } from "@/ui/card";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton, SkeletonRows } from "@/ui/skeleton";
import { tabActiveLook, tabListLook, tabLook } from "@/ui/tabs";
import { DeploymentActions } from "./actions";
import { ChangesSince } from "./changes-since";
import { EventList } from "./event-list";
import { Facts } from "./facts";
import { PlanTable } from "./plan-table";
import { SharesCard } from "./shares-card";
import { SleepNote } from "./sleep-note";
import { ReasonCard } from "./reason-card";
import { ConditionChips, StateChip } from "./state-chip";
import { STATES, isOnItsWay } from "./states";
import { Timeline } from "./timeline";

const route = getRouteApi("/app/deployments/$id");

export function DeploymentPage() {
  const { id } = route.useParams();
  const query = useQuery(deploymentQuery(id));
  if (query.data !== undefined) return <Shown key={id} deployment={query.data} />;
  if (isNotFound(query.error)) return <NotFound />;
  return (
    <Page title={<Skeleton className="h-6 w-56" />}>
      {query.isError ? (
        <ProblemPanel what="The deployment could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />
      ) : (
        <>
          <Skeleton className="h-24 rounded-xl" />
          <div className="rounded-xl border border-line"><SkeletonRows count={8} className="h-9" /></div>
        </>
      )}
    </Page>
  );
}

function Shown({ deployment }: { deployment: Deployment }) {
  const { id, project, slot, number, state } = deployment;
  useTitle(STATES[state].label, `v${number}`, project);
  const navigate = useNavigate();
  const search = route.useSearch();
  const hash = useLocation({ select: (location) => location.hash });
  const log = useLog(id, search.node);
  const live = useQuery(slotsQuery(project)).data?.find(({ name }) => name === slot)?.live ?? null;
  const change = (next: Partial<typeof search>) =>
    void navigate({ to: "/deployments/$id", params: { id }, search: { ...search, ...next }, hash: true, replace: true });
  const { tab = "log" } = search;
  const chooseStep = (step: string | undefined) => change({ step, tab: undefined });
  const isRun = isRunOfPipeline(deployment);
  return (
    <Page
      width="wide"
      title={
        <span className="flex flex-wrap items-center gap-x-2.5 gap-y-1">
          <span>
            <Link to="/projects/$project" params={{ project }} className="hover:underline">
              {project}
            </Link>{" "}
            <span className="tabular text-muted">v{number}</span>
          </span>
          <span className="flex gap-1 tracking-normal">
            <StateChip state={state} />
            <ConditionChips deployment={deployment} />
          </span>
        </span>
      }
      actions={<DeploymentActions deployment={deployment} live={live} />}
    >
      <p role="status" className="sr-only">
        {STATES[state].label}
      </p>
      <ReasonCard deployment={deployment} lines={log.lines} />
      <SleepNote deployment={deployment} />
      <Card>
        <div className="flex flex-col gap-4">
          <Facts deployment={deployment} />
          {!isRun && <Timeline deployment={deployment} step={search.step} onStep={chooseStep} />}
          {deployment.deadline !== null && isOnItsWay(state) && <Deadline at={deployment.deadline} />}
        </div>
      </Card>
      <SharesCard deployment={deployment} />
      {isRun && <RunCard deployment={deployment} step={search.step} onStep={chooseStep} />}
      <div className="flex min-h-0 flex-col gap-3">
        <nav aria-label="Parts of the deployment" className={tabListLook}>
          {(isRun ? TABS_OF_RUN : TABS_OF_BUILD).map((name) => (
            <Link
              key={name}
              to="/deployments/$id"
              params={{ id }}
              search={{ ...search, tab: name === "log" ? undefined : name }}
              replace
              aria-current={tab === name ? "page" : undefined}
              className={`${tabLook} ${tab === name ? tabActiveLook : ""}`}
              activeProps={{}}
            >
              {TABS[name]}
            </Link>
          ))}
        </nav>
        {tab === "log" && (
          <NodeField deployment={deployment} node={search.node} onNode={(node) => change({ node })} />
        )}
        {tab === "log" && (
          <LogPanel
            key={search.node}
            id={id}
            log={log}
            steps={deployment.steps}
            search={search.q ?? ""}
            onSearch={(q) => change({ q: q || undefined })}
            filter={{ step: search.step, stream: search.stream }}
            onFilter={({ step, stream }) => change({ step, stream })}
            chosen={rangeOf(hash)}
            onChoose={(range) =>
              void navigate({ to: "/deployments/$id", params: { id }, search, hash: hashOf(range), replace: true, resetScroll: false, hashScrollIntoView: false })
            }
            className="h-[max(24rem,calc(100dvh-24rem))] max-sm:h-[70dvh]"
          />
        )}
        {tab === "plan" && (
          <Card isFlush>
            {deployment.plan === null ? (
              <p className="p-4 text-sm text-muted">The plan is made when the repository was fetched.</p>
            ) : (
              <PlanTable plan={deployment.plan} />
            )}
          </Card>
        )}
        {tab === "changes" && (
          <Card isFlush>
            <ChangesSince deployment={deployment} />
          </Card>
        )}
        {tab === "events" && (
          <Card isFlush>
            <EventList id={id} />
          </Card>
        )}
      </div>
    </Page>
  );
}

const TABS_OF_BUILD = ["log", "plan", "changes", "events"] as const;
/** What a run builds, its steps say. */
const TABS_OF_RUN = ["log", "changes", "events"] as const;
const TABS = { log: "Log", plan: "Plan", changes: "Changes", events: "Events" };

function Deadline({ at }: { at: string }) {
  return (
    <p className="text-xs text-muted">
      It is ended if nothing happens until <time dateTime={at}>{new Date(at).toLocaleTimeString("en-GB")}</time>.
    </p>
  );
}
