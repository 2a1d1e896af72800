import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, getRouteApi, useNavigate } from "@tanstack/react-router";
import { ExternalLink, Plus, Search, SearchX } from "lucide-react";
import { useDeferredValue, useEffect, useRef, useState } from "react";
import { type Deployment, type Project, deploymentListQuery, deploymentQuery, projectListQuery } from "@/api/queries";
import { ConditionChips, StateChip } from "@/deployments/state-chip";
import { ALL_STATES, isOnItsWay } from "@/deployments/states";
import { repositoryName } from "@/lib/repository";
import { useRowKeys } from "@/lib/row-keys";
import { useShortcut } from "@/lib/shortcuts";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { Input } from "@/ui/field";
import { LoadMore } from "@/ui/load-more";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton, SkeletonRows } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { VirtualRows } from "@/ui/virtual-rows";
import { FirstProject } from "./first-project";

const route = getRouteApi("/app/projects");
const MOVING = ALL_STATES.filter(isOnItsWay);

export function ProjectListPage() {
  useTitle("Projects");
  const navigate = useNavigate();
  const { q = "" } = route.useSearch();
  const [search, setSearch] = useState(q);
  const deferred = useDeferredValue(search);
  const searchBox = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (deferred === q) return;
    const timer = setTimeout(() => void navigate({ to: "/projects", search: { q: deferred || undefined }, replace: true }), 180);
    return () => clearTimeout(timer);
  }, [deferred, q, navigate]);
  useShortcut("/", "Search projects", "This page", () => searchBox.current?.focus());
  useShortcut("n", "New project", "This page", () => void navigate({ to: "/projects/new" }));

  const list = useInfiniteQuery(projectListQuery(q));
  const projects = list.data?.pages.flatMap((page) => page.items) ?? [];
  const moving = useInfiniteQuery(deploymentListQuery({ states: MOVING })).data?.pages.flatMap((page) => page.items) ?? [];
  const isFirstRun = list.isSuccess && projects.length === 0 && q === "";
  const onRowKey = useRowKeys();
  return (
    <Page
      title="Projects"
      actions={
        !isFirstRun && (
          <>
            <div className="relative max-sm:w-full">
              <Search aria-hidden className="pointer-events-none absolute top-1/2 left-2.5 size-4 -translate-y-1/2 text-faint" />
              <Input
                ref={searchBox}
                type="search"
                aria-label="Search projects"
                placeholder="Search"
                value={search}
                onChange={(event) => setSearch(event.target.value)}
                className="w-56 pl-8 max-sm:w-full max-sm:pl-8"
              />
            </div>
            <Button kind="primary" asChild>
              <Link to="/projects/new">
                <Plus aria-hidden /> New project
              </Link>
            </Button>
          </>
        )
      }
    >
      {list.isError && (
        <ProblemPanel what="The projects could not be read" error={list.error} onRetry={() => void list.refetch()} isRetrying={list.isFetching} />
      )}
      {!list.isError && (
        <div className="overflow-clip rounded-xl border border-line bg-surface">
          {list.isPending && <SkeletonRows count={8} className="h-16" />}
          {isFirstRun && <FirstProject />}
          {list.isSuccess && projects.length === 0 && q !== "" && (
            <Empty icon={<SearchX />} title={`No project is called “${q}”`} action={<Button onClick={() => setSearch("")}>Clear the search</Button>}>
              The search looks at names.
            </Empty>
          )}
          {projects.length > 0 && (
            <VirtualRows label="Projects" items={projects} keyOf={({ id }) => id} height={64} onKeyDown={onRowKey}>
              {(project) => <ProjectRow key={project.id} project={project} moving={moving.find((it) => it.project === project.name)} />}
            </VirtualRows>
          )}
        </div>
      )}
      <LoadMore query={list} />
    </Page>
  );
}

function ProjectRow({ project, moving }: { project: Project; moving: Deployment | undefined }) {
  const { name, owner, source, url, deleting } = project;
  return (
    <li className="group relative flex min-h-16 items-center gap-4 border-b border-line px-4 py-2.5 last:border-b-0 focus-within:bg-hover/60 hover:bg-hover/60">
      <div className="min-w-0 flex-1">
        <Link
          to="/projects/$project"
          params={{ project: name }}
          data-row
          className="font-medium outline-offset-4 after:absolute after:inset-0"
        >
          {name}
        </Link>
        <p className="truncate text-xs text-muted">
          {source === null ? "No repository" : repositoryName(source.repository)}
          {owner?.kind === "team" && ` · ${owner.name}`}
          {source?.branch != null && ` · ${source.branch}`}
          {source?.root_directory != null && source.root_directory !== "." && ` · ${source.root_directory}`}
        </p>
      </div>
      <div className="flex w-[22rem] shrink-0 items-center justify-end gap-3 max-lg:w-auto">
        {moving !== undefined && (
          <Link to="/deployments/$id" params={{ id: moving.id }} title={`v${moving.number} is on its way`} className="relative flex min-h-6 items-center rounded-full">
            <StateChip state={moving.state} />
          </Link>
        )}
        {deleting ? <span className="text-xs text-muted">Being deleted</span> : <LiveSummary project={project} />}
        <a
          href={url}
          target="_blank"
          rel="noreferrer"
          aria-label={`Open ${name}`}
          title={url}
          className="relative grid size-7 place-items-center rounded-md text-faint hover:bg-hover hover:text-ink max-sm:hidden"
        >
          <ExternalLink aria-hidden className="size-4" />
        </a>
      </div>
    </li>
  );
}

/** Nothing is live; what became of the last attempt says more. */
function NotLive({ project }: { project: string }) {
  const latest = useInfiniteQuery(deploymentListQuery({ project }, 1)).data?.pages[0]?.items[0];
  return (
    <>
      <span className="text-xs text-muted">Not live yet</span>
      {latest !== undefined && <StateChip state={latest.state} />}
    </>
  );
}

/** What is live in production, said in one line. */
function LiveSummary({ project: { name: project, live } }: { project: Project }) {
  const deployment = useQuery({ ...deploymentQuery(live ?? ""), enabled: live !== null });
  if (live === null) return <NotLive project={project} />;
  if (deployment.data === undefined) return <Skeleton className="h-5 w-28 rounded-full" />;
  const { state, commit, timings } = deployment.data;
  return (
    <>
      {commit !== null && (
        <span title={commit.message} className="min-w-0 flex-1 truncate text-right text-xs text-muted max-lg:hidden">
          {commit.message}
        </span>
      )}
      <TimeAgo at={timings.production_at ?? timings.queued_at} className="tabular shrink-0 text-xs whitespace-nowrap text-muted max-sm:hidden" />
      <span className="flex shrink-0 gap-1">
        <ConditionChips deployment={deployment.data} />
        <StateChip state={state} />
      </span>
    </>
  );
}
