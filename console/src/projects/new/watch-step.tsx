import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleCheck, ExternalLink } from "lucide-react";
import { useState } from "react";
import { deploymentQuery } from "@/api/queries";
import { ReasonCard } from "@/deployments/reason-card";
import { StateChip } from "@/deployments/state-chip";
import { Timeline } from "@/deployments/timeline";
import { domainsQuery } from "@/domains/queries";
import { RecordsTable } from "@/domains/records-table";
import { duration } from "@/lib/time";
import { LogPanel } from "@/logs/log-panel";
import type { LineRange } from "@/logs/range";
import type { LogFilter } from "@/logs/rows";
import { useLog } from "@/logs/use-log";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { CopyButton } from "@/ui/copy";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";

/** What has to be done elsewhere meanwhile: records for hostnames that nobody has proved yet. */
function WaitingDomains({ project }: { project: string }) {
  const waiting = (useQuery(domainsQuery(project)).data ?? []).filter(({ state }) => state !== "verified");
  return waiting.map(({ name, records }) => (
    <Card key={name} title={`Meanwhile: lead ${name} here`} description="Make one of these records where its DNS is kept. It is served as soon as that is seen.">
      <RecordsTable records={records} />
    </Card>
  ));
}

/** Builds in front of one's eyes, until it is live. */
export function WatchStep({ id }: { id: string }) {
  const query = useQuery(deploymentQuery(id));
  const log = useLog(id);
  const [search, setSearch] = useState("");
  const [filter, setFilter] = useState<LogFilter>({});
  const [chosen, setChosen] = useState<LineRange | null>(null);
  const deployment = query.data;
  if (query.isError && deployment === undefined) {
    return <ProblemPanel what="The deployment could not be read" error={query.error} onRetry={() => void query.refetch()} />;
  }
  if (deployment === undefined) return <Skeleton className="h-24 rounded-xl" />;
  const { state, project, url, timings } = deployment;
  return (
    <>
      {state === "PRODUCTION" && (
        <section role="status" aria-label="It is live" className="flex flex-wrap items-center gap-x-4 gap-y-3 rounded-xl border border-good/40 bg-good-wash px-4 py-4">
          <CircleCheck aria-hidden className="size-6 text-good" />
          <div className="min-w-0 flex-1">
            <h2 className="text-lg font-semibold">Live{timings.total_ms !== null && ` after ${duration(timings.total_ms)}`}</h2>
            <p className="flex min-w-0 items-center gap-1">
              <a href={url} target="_blank" rel="noreferrer" className="truncate text-accent underline underline-offset-2">
                {url}
              </a>
              <CopyButton text={url} what="address" />
            </p>
          </div>
          <div className="flex gap-2">
            <Button asChild>
              <Link to="/projects/$project" params={{ project }}>
                To the project
              </Link>
            </Button>
            <Button kind="primary" asChild>
              <a href={url} target="_blank" rel="noreferrer">
                <ExternalLink aria-hidden /> Open
              </a>
            </Button>
          </div>
        </section>
      )}
      {state === "FAILED" && (
        <>
          <ReasonCard deployment={deployment} lines={log.lines} />
          <div className="flex justify-end gap-2">
            <Button asChild>
              <Link to="/projects/$project/settings" params={{ project }}>
                Change the settings
              </Link>
            </Button>
            <Button kind="primary" asChild>
              <Link to="/projects/$project" params={{ project }}>
                To the project
              </Link>
            </Button>
          </div>
        </>
      )}
      <WaitingDomains project={project} />
      <Card
        title={
          <span className="flex items-center gap-2.5">
            {project} <StateChip state={state} />
          </span>
        }
        actions={
          <Button size="small" asChild>
            <Link to="/deployments/$id" params={{ id }}>
              Details
            </Link>
          </Button>
        }
      >
        <Timeline deployment={deployment} step={filter.step} onStep={(step) => setFilter({ ...filter, step })} />
      </Card>
      <LogPanel
        id={id}
        log={log}
        steps={deployment.steps}
        search={search}
        onSearch={setSearch}
        filter={filter}
        onFilter={setFilter}
        chosen={chosen}
        onChoose={setChosen}
        className="h-[max(20rem,calc(100dvh-26rem))]"
      />
    </>
  );
}
