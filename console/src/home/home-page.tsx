import { useInfiniteQuery, useQueries, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { CircleCheck, Plus } from "lucide-react";
import type { ReactNode } from "react";
import { deploymentListQuery, environmentsQuery, nodesQuery, projectListQuery, verdictQuery } from "@/api/queries";
import { DeploymentRow } from "@/deployments/deployment-row";
import { inShort } from "@/environments/node-problems";
import { NodeStatus } from "@/environments/node-status";
import { useNow } from "@/lib/now";
import { useRowKeys } from "@/lib/row-keys";
import { useShortcut } from "@/lib/shortcuts";
import { FirstProject } from "@/projects/first-project";
import { Countdown } from "@/slots/countdown";
import { MyInvitations } from "@/teams/my-invitations";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Prose } from "@/ui/prose";
import { SkeletonRows } from "@/ui/skeleton";
import { findingsIn, isCalm } from "./findings";

const RECENT = 100;
const SHOWN = 8;

/** What needs me, what is on its way, what happened last. */
export function HomePage() {
  useTitle("Home");
  const navigate = useNavigate();
  const recent = useInfiniteQuery(deploymentListQuery({}, RECENT));
  const live = useInfiniteQuery(deploymentListQuery({ states: ["PRODUCTION"] }, RECENT));
  const projects = useInfiniteQuery(projectListQuery(""));
  const environments = useQuery(environmentsQuery());
  const nodes = useQueries({ queries: (environments.data ?? []).map(({ name }) => nodesQuery(name)) });
  const verdict = useQuery(verdictQuery());
  const onRowKey = useRowKeys();
  useShortcut("n", "New project", "This page", () => void navigate({ to: "/projects/new" }));

  // All at once: what came last would push the rest down under somebody's finger.
  const isPending = recent.isPending || live.isPending || environments.isPending || verdict.isPending || nodes.some((it) => it.isPending);
  const latest = isPending ? [] : (recent.data?.pages[0]?.items ?? []);
  const serving = live.data?.pages.flatMap(({ items }) => items) ?? [];
  const now = useNow(latest[0]?.created_at ?? 0);
  const found = findingsIn(latest, isPending ? [] : serving, isPending ? [] : nodes.flatMap(({ data }) => data ?? []), now);
  const broken = isPending ? [] : (verdict.data?.checks.filter(({ ok }) => !ok) ?? []);
  const failure = [recent, live, environments].find(({ isError }) => isError);
  const known = projects.data?.pages.flatMap(({ items }) => items) ?? [];
  if (projects.isSuccess && known.length === 0) {
    return (
      <Page title="Home">
        <div className="rounded-xl border border-line bg-surface">
          <FirstProject />
        </div>
      </Page>
    );
  }
  return (
    <Page
      title="Home"
      actions={
        <Button kind="primary" asChild>
          <Link to="/projects/new">
            <Plus aria-hidden /> New project
          </Link>
        </Button>
      }
    >
      {failure !== undefined && <ProblemPanel what="Not everything could be read" error={failure.error} onRetry={() => void failure.refetch()} isRetrying={failure.isFetching} />}
      <MyInvitations />
      {isPending && (
        <Card isFlush>
          <SkeletonRows count={5} />
        </Card>
      )}
      {!isPending && isCalm(found) && broken.length === 0 && (
        <p role="status" className="flex items-center gap-2.5 rounded-xl border border-good/40 bg-good-wash px-4 py-3 text-sm">
          <CircleCheck aria-hidden className="size-4 shrink-0 text-good" />
          <span>
            {count(known.length, "project", projects.hasNextPage)}, {count(serving.length, "slot", live.hasNextPage)}: nothing needs you.
          </span>
        </p>
      )}
      {broken.length > 0 && (
        <Section title="The platform itself">
          {broken.map(({ id, name, detail }) => (
            <li key={id} className="border-b border-line px-4 py-2.5 text-sm last:border-0">
              <span className="font-medium text-bad">{name}</span>{" "}
              <span className="text-muted">
                <Prose text={detail ?? ""} />
              </span>
            </li>
          ))}
        </Section>
      )}
      {found.nodes.length > 0 && (
        <Section title="Nodes that are not online">
          {found.nodes.map((node) => (
            <li key={node.id} className="relative flex min-h-12 items-center gap-3 border-b border-line px-4 py-2 text-sm last:border-0 hover:bg-hover/60">
              <Link to="/nodes/$node" params={{ node: node.name }} className="font-medium after:absolute after:inset-0">
                {node.name}
              </Link>
              <NodeStatus node={node} />
              <span className="min-w-0 flex-1 truncate text-right text-xs text-muted">{node.problem !== null && inShort(node.problem)}</span>
            </li>
          ))}
        </Section>
      )}
      {found.failed.length > 0 && (
        <Section title="Failed, and not mended since" onKeyDown={onRowKey}>
          {found.failed.map((it) => (
            <DeploymentRow key={it.id} deployment={it} isProjectShown />
          ))}
        </Section>
      )}
      {found.troubled.length > 0 && (
        <Section title="Live, but not well" onKeyDown={onRowKey}>
          {found.troubled.map((it) => (
            <DeploymentRow key={it.id} deployment={it} isProjectShown />
          ))}
        </Section>
      )}
      {found.moving.length > 0 && (
        <Section title="On its way" onKeyDown={onRowKey}>
          {found.moving.map((it) => (
            <DeploymentRow key={it.id} deployment={it} isProjectShown />
          ))}
        </Section>
      )}
      {found.expiring.length > 0 && (
        <Section title="Slots that end within a day">
          {found.expiring.map(({ id, project, slot, created_by, expires_at }) => (
            <li key={id} className="relative flex min-h-12 items-center gap-3 border-b border-line px-4 py-2 text-sm last:border-0 hover:bg-hover/60">
              <Link to="/projects/$project/slots" params={{ project }} className="min-w-0 truncate font-medium after:absolute after:inset-0">
                {project} · {slot}
              </Link>
              <span className="min-w-0 flex-1 truncate text-xs text-muted">of {created_by}</span>
              <Countdown at={expires_at} />
            </li>
          ))}
        </Section>
      )}
      {latest.length > 0 && (
        <Card
          title="What happened last"
          isFlush
          actions={
            <Button size="small" asChild>
              <Link to="/deployments">All deployments</Link>
            </Button>
          }
        >
          <ul aria-label="Latest deployments" onKeyDown={onRowKey}>
            {latest.slice(0, SHOWN).map((it) => (
              <DeploymentRow key={it.id} deployment={it} isProjectShown />
            ))}
          </ul>
        </Card>
      )}
    </Page>
  );
}

function Section({ title, onKeyDown, children }: { title: string; onKeyDown?: React.KeyboardEventHandler; children: ReactNode }) {
  return (
    <Card title={title} isFlush>
      <ul aria-label={title} onKeyDown={onKeyDown}>
        {children}
      </ul>
    </Card>
  );
}

function count(number: number, what: string, isMore: boolean): string {
  return `${number}${isMore ? " and more" : ""} ${what}${number === 1 && !isMore ? "" : "s"}`;
}
