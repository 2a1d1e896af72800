import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ScrollText } from "lucide-react";
import type { Deployment, Project } from "@/api/queries";
import { CommitLine } from "@/deployments/commit";
import { Fact } from "@/deployments/facts";
import { SleepNote } from "@/deployments/sleep-note";
import { ConditionChips, StateChip } from "@/deployments/state-chip";
import { isOnItsWay } from "@/deployments/states";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { domainsQuery } from "@/domains/queries";
import { Address } from "@/slots/address";
import { Skeleton } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";

interface Props {
  project: Project | undefined;
  live: Deployment | undefined;
  newest: Deployment | undefined;
}

/** What visitors see now, and what is about to replace it. */
export function ProductionCard({ project, live, newest }: Props) {
  if (project === undefined || (project.live !== null && live === undefined)) {
    return <Skeleton className="h-44 rounded-xl" />;
  }
  const isReplaced = newest !== undefined && newest.id !== live?.id && (isOnItsWay(newest.state) || newest.state === "FAILED");
  return (
    <Card
      title={
        <span className="flex items-center gap-2.5">
          Production
          {live !== undefined && (
            <span className="flex gap-1">
              <StateChip state={live.state} />
              <ConditionChips deployment={live} />
            </span>
          )}
        </span>
      }
      actions={
        live !== undefined && (
          <Button size="small" asChild>
            <Link to="/projects/$project/logs" params={{ project: project.name }}>
              <ScrollText aria-hidden /> Logs
            </Link>
          </Button>
        )
      }
      footer={isReplaced && <Newest newest={newest} />}
    >
      <p className="mb-4 flex min-w-0 items-center gap-1">
        <Address url={project.url} isLarge />
      </p>
      <OwnDomains project={project.name} />
      {live !== undefined && <SleepNote deployment={live} className="mb-4" />}
      {live === undefined ? (
        <p className="text-sm text-muted">Nothing is live yet.</p>
      ) : (
        <dl className="grid grid-cols-2 sm:grid-cols-[repeat(auto-fill,minmax(12rem,1fr))] gap-x-6 gap-y-3 text-sm">
          <Fact label="Commit" className="col-span-2">
            <CommitLine commit={live.commit} />
          </Fact>
          <Fact label="Live since">
            <TimeAgo at={live.timings.production_at ?? live.created_at} />
            <span className="block truncate text-xs text-muted">{live.created_by}</span>
          </Fact>
          <Fact label="Built as">
            {live.plan?.name ?? live.release_kind}
            {live.plan != null && <span className="text-muted"> {live.plan.kind}</span>}
          </Fact>
          {live.instance !== null && (
            <Fact label="Process">
              {live.instance.healthy ? "Healthy" : "Not healthy"}
              <span className="text-muted">
                {" "}
                · {live.instance.restarts} restart{live.instance.restarts === 1 ? "" : "s"}
              </span>
            </Fact>
          )}
          {live.instance !== null && (
            <Fact label="May use">
              <span className="tabular">
                {live.limits.memory_mb} MB · {live.limits.cpu} core{live.limits.cpu === 1 ? "" : "s"}
              </span>
            </Fact>
          )}
        </dl>
      )}
    </Card>
  );
}

/** Hostnames of its own that lead to production: those that are served, and how many wait for DNS. */
function OwnDomains({ project }: { project: string }) {
  const domains = (useQuery(domainsQuery(project)).data ?? []).filter(({ slot }) => slot === "production");
  const served = domains.filter(({ state }) => state === "verified");
  const waiting = domains.length - served.length;
  if (domains.length === 0) return null;
  return (
    <ul aria-label="Domains" className="-mt-2 mb-4 flex flex-wrap items-center gap-x-4 gap-y-1">
      {served.map(({ name, url }) => (
        <li key={name} className="flex min-w-0">
          <Address url={url} label={name} />
        </li>
      ))}
      {waiting > 0 && (
        <li>
          <Link to="/projects/$project/domains" params={{ project }} className="text-xs text-warn underline underline-offset-2">
            {waiting === 1 ? "One domain waits" : `${waiting} domains wait`} for DNS
          </Link>
        </li>
      )}
    </ul>
  );
}

function Newest({ newest }: { newest: Deployment }) {
  return (
    <Link to="/deployments/$id" params={{ id: newest.id }} className="mr-auto flex min-w-0 items-center gap-2.5 text-sm hover:underline">
      <StateChip state={newest.state} />
      <span className="tabular shrink-0">v{newest.number}</span>
      <span className="truncate text-muted">
        {newest.state === "FAILED" ? "did not replace it" : "is about to replace it"}
        {newest.commit !== null && `: ${newest.commit.message.split("\n", 1)[0] ?? ""}`}
      </span>
    </Link>
  );
}
