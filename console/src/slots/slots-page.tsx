import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import { Layers, Plus } from "lucide-react";
import { useState } from "react";
import { environmentsQuery, slotsQuery } from "@/api/queries";
import { useShortcut } from "@/lib/shortcuts";
import { command } from "@/lib/shell";
import { pipelineQuery } from "@/pipelines/queries";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { NewSlotDialog } from "./new-slot-dialog";
import { SlotCard } from "./slot-card";

const route = getRouteApi("/app/projects/$project/slots");

/** All copies of the application at a glance. */
export function SlotsPage() {
  const { project } = route.useParams();
  const { environment } = route.useSearch();
  useTitle("Slots", project);
  const query = useQuery(slotsQuery(project));
  const environments = useQuery(environmentsQuery()).data ?? [];
  const saved = useQuery(pipelineQuery(project)).data;
  const [isAdding, setIsAdding] = useState(false);
  useShortcut("n", "Stand up a copy", "This page", () => setIsAdding(true));
  const slots = query.data?.filter((slot) => environment === undefined || slot.environment === environment);
  const add = (
    <Button kind="primary" onClick={() => setIsAdding(true)}>
      <Plus aria-hidden /> Stand up a copy
    </Button>
  );
  return (
    <>
      {query.isError && <ProblemPanel what="The slots could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />}
      {query.isPending && (
        <Card isFlush>
          <SkeletonRows count={4} className="h-24" />
        </Card>
      )}
      {query.data !== undefined && query.data.length > 0 && (
        <div className="flex flex-wrap items-center gap-2">
          {environments.length > 1 && (
            <nav aria-label="Environments" className="flex flex-wrap gap-1">
              {[undefined, ...environments.map(({ name }) => name)].map((name) => (
                <Link
                  key={name ?? ""}
                  to="/projects/$project/slots"
                  params={{ project }}
                  search={{ environment: name }}
                  aria-current={environment === name ? "page" : undefined}
                  activeProps={{}}
                  className={`inline-flex h-7 items-center rounded-md px-2 text-xs ${environment === name ? "bg-accent-wash text-accent" : "text-muted hover:bg-hover"}`}
                >
                  {name ?? "All environments"}
                </Link>
              ))}
            </nav>
          )}
          <span className="ml-auto">{add}</span>
        </div>
      )}
      {query.data?.length === 0 && (
        <Card isFlush>
          {saved === null ? (
            <Empty
              icon={<Layers />}
              title="Nothing to stand up yet"
              action={
                <Button kind="primary" asChild>
                  <Link to="/projects/$project/pipeline" params={{ project }}>
                    Draw the pipeline
                  </Link>
                </Button>
              }
            >
              A slot is a copy of the application. The pipeline says what belongs to it.
            </Empty>
          ) : (
            <Empty icon={<Layers />} title="No copy is standing" action={add} command={command("deploy", "--project", project, "--slot", "qa-1")}>
              Each copy has its own addresses and its own data, and goes away by itself when its time is up.
            </Empty>
          )}
        </Card>
      )}
      {slots?.length === 0 && (query.data?.length ?? 0) > 0 && <p className="text-sm text-muted">No slot is in {environment}.</p>}
      <ul aria-label="Slots" className="grid grid-cols-[minmax(0,1fr)] items-stretch gap-4 xl:grid-cols-2">
        {slots?.map((slot) => (
          <SlotCard key={slot.name} project={project} slot={slot} isEnvironmentShown={environments.length > 1} />
        ))}
      </ul>
      {isAdding && <NewSlotDialog project={project} onClose={() => setIsAdding(false)} />}
    </>
  );
}
