import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, getRouteApi, useLocation, useNavigate } from "@tanstack/react-router";
import { ExternalLink, Rocket, Undo2 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { isNotFound } from "@/api/problem";
import { type Project, projectQuery } from "@/api/queries";
import { RollbackDialog } from "@/deployments/rollback-dialog";
import { repositoryName } from "@/lib/repository";
import { useShortcut } from "@/lib/shortcuts";
import { pipelineQuery } from "@/pipelines/queries";
import { NotFound } from "@/shell/failures";
import { NewSlotDialog } from "@/slots/new-slot-dialog";
import { mayRunCommands } from "@/terminal/access";
import { Button } from "@/ui/button";
import { Page } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { tabActiveLook, tabListLook, tabLook } from "@/ui/tabs";
import { DeployDialog } from "./deploy-dialog";

const route = getRouteApi("/app/projects/$project");

const TABS = [
  { to: "/projects/$project", label: "Overview", exact: true },
  { to: "/projects/$project/pipeline", label: "Pipeline", exact: false },
  { to: "/projects/$project/slots", label: "Slots", exact: false },
  { to: "/projects/$project/deployments", label: "Deployments", exact: false },
  { to: "/projects/$project/logs", label: "Logs", exact: false },
  { to: "/projects/$project/metrics", label: "Metrics", exact: false },
  { to: "/projects/$project/terminal", label: "Terminal", exact: false },
  { to: "/projects/$project/variables", label: "Variables", exact: false },
  { to: "/projects/$project/domains", label: "Domains", exact: false },
  { to: "/projects/$project/notifications", label: "Notifications", exact: false },
  { to: "/projects/$project/access", label: "Access", exact: false },
  { to: "/projects/$project/settings", label: "Settings", exact: false },
] as const;

/** What all pages of a project share: its name, its address, what one does with it every day. */
export function ProjectLayout() {
  const { project: name } = route.useParams();
  const query = useQuery(projectQuery(name));
  if (isNotFound(query.error)) return <NotFound />;
  const project = query.data;
  return (
    <Page
      title={project?.name ?? <Skeleton className="h-lh w-40" />}
      description={project === undefined ? <Skeleton className="h-lh w-64" /> : <Origin project={project} />}
      // Their place is taken before it is known what one can do: nothing below moves.
      actions={project === undefined ? <Skeleton className="h-8 w-64 rounded-md max-sm:h-9" /> : !project.deleting && <Actions project={project} />}
    >
      <Tabs name={name} project={project} />
      {query.isError && (
        <ProblemPanel what="The project could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />
      )}
      {project?.deleting === true && (
        <p role="status" className="rounded-lg border border-warn/40 bg-warn-wash px-4 py-3 text-sm">
          This project is being deleted. What is live in it is stopped first.
        </p>
      )}
      <Outlet />
    </Page>
  );
}

/** There are more than a phone has room for: the one that is shown is always in sight. */
function Tabs({ name, project }: { name: string; project: Project | undefined }) {
  const list = useRef<HTMLElement>(null);
  const path = useLocation({ select: ({ pathname }) => pathname });
  useEffect(() => {
    const [shown, strip] = [list.current?.querySelector<HTMLElement>("[aria-current=page]"), list.current];
    if (shown == null || strip === null) return;
    strip.scrollLeft = shown.offsetLeft - strip.offsetLeft - (strip.clientWidth - shown.clientWidth) / 2;
  }, [path]);
  return (
    <nav ref={list} aria-label="Parts of the project" className={tabListLook}>
      {TABS.filter(({ to }) => to !== "/projects/$project/terminal" || project === undefined || mayRunCommands(project)).map(({ to, label, exact }) => (
        <Link key={to} to={to} params={{ project: name }} className={tabLook} activeOptions={{ exact, includeSearch: false }} activeProps={{ className: tabActiveLook }}>
          {label}
        </Link>
      ))}
    </nav>
  );
}

function Origin({ project: { source } }: { project: Project }) {
  if (source === null) return "No repository";
  return (
    <>
      {repositoryName(source.repository)} · {source.branch ?? "default branch"}
      {source.root_directory != null && source.root_directory !== "." && ` · ${source.root_directory}`}
    </>
  );
}

function Actions({ project }: { project: Project }) {
  const { name, url, live } = project;
  const navigate = useNavigate();
  const saved = useQuery(pipelineQuery(name)).data;
  const isPipeline = saved?.generated === false;
  // Services of a pipeline have addresses of their own.
  const isOpenable = live !== null && !isPipeline;
  const [asked, setAsked] = useState<"deploy" | "rollback" | null>(null);
  const close = () => setAsked(null);
  useShortcut("d", "Deploy", "This page", () => setAsked("deploy"), saved !== null);
  useShortcut("r", "Roll back", "This page", () => setAsked("rollback"), live !== null);
  useShortcut("l", "Logs", "This page", () => void navigate({ to: "/projects/$project/logs", params: { project: name } }));
  useShortcut("m", "Metrics", "This page", () => void navigate({ to: "/projects/$project/metrics", params: { project: name } }));
  useShortcut("s", "Terminal", "This page", () => void navigate({ to: "/projects/$project/terminal", params: { project: name } }), mayRunCommands(project));
  useShortcut("o", "Open the site", "This page", () => void window.open(url, "_blank", "noreferrer"), isOpenable);
  return (
    <>
      {isOpenable && (
        <Button asChild>
          <a href={url} target="_blank" rel="noreferrer">
            <ExternalLink aria-hidden /> Open
          </a>
        </Button>
      )}
      {live !== null && (
        <Button onClick={() => setAsked("rollback")}>
          <Undo2 aria-hidden /> Roll back
        </Button>
      )}
      <Button kind="primary" onClick={() => setAsked("deploy")} disabled={saved === null} title={saved === null ? "Say first what belongs to it: a repository or a pipeline" : undefined}>
        <Rocket aria-hidden /> Deploy
      </Button>
      {asked === "deploy" && (isPipeline ? <NewSlotDialog project={name} onClose={close} /> : <DeployDialog project={project} onClose={close} />)}
      {asked === "rollback" && <RollbackDialog project={name} slot="production" live={live} onClose={close} />}
    </>
  );
}
