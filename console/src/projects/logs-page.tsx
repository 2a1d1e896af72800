import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi, useLocation, useNavigate } from "@tanstack/react-router";
import { ScrollText } from "lucide-react";
import { deploymentQuery, slotsQuery } from "@/api/queries";
import { SleepNote } from "@/deployments/sleep-note";
import { ConditionChips, StateChip } from "@/deployments/state-chip";
import { command } from "@/lib/shell";
import { LogPanel } from "@/logs/log-panel";
import { NodeField } from "@/logs/node-field";
import { hashOf, rangeOf } from "@/logs/range";
import { useLog } from "@/logs/use-log";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Field, Select } from "@/ui/field";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";

const route = getRouteApi("/app/projects/$project/logs");
const HEIGHT = "h-[max(24rem,calc(100dvh-19rem))] max-sm:h-[70dvh]";

/** What the project says now: of whatever is live in a slot, all services or one. */
export function LogsPage() {
  const { project } = route.useParams();
  useTitle("Logs", project);
  const search = route.useSearch();
  const navigate = useNavigate();
  const slots = useQuery(slotsQuery(project));
  const shown = slots.data?.find(({ name }) => name === search.slot) ?? slots.data?.find(({ name }) => name === "production") ?? slots.data?.[0];
  const deployment = shown?.live ?? shown?.latest ?? null;
  if (slots.isError) return <ProblemPanel what="The slots could not be read" error={slots.error} onRetry={() => void slots.refetch()} isRetrying={slots.isFetching} />;
  if (slots.data === undefined) return <Skeleton className={`${HEIGHT} rounded-xl`} />;
  if (shown === undefined || deployment === null) {
    return (
      <Card isFlush>
        <Empty icon={<ScrollText />} title="Nothing to read yet" command={command("deploy", "--project", project)}>
          What is deployed writes its log here: its build first, then what it says while it runs.
        </Empty>
      </Card>
    );
  }
  return (
    <>
      {slots.data.length > 1 && (
        <Field label="Slot" className="max-w-60">
          {(attributes) => (
            <Select
              {...attributes}
              value={shown.name}
              onChange={({ target }) => void navigate({ to: "/projects/$project/logs", params: { project }, search: { slot: target.value === "production" ? undefined : target.value }, replace: true })}
            >
              {slots.data.map(({ name, live }) => (
                <option key={name} value={name}>
                  {name}
                  {live === null ? ", not live" : ""}
                </option>
              ))}
            </Select>
          )}
        </Field>
      )}
      <SlotLog key={deployment} id={deployment} />
    </>
  );
}

function SlotLog({ id }: { id: string }) {
  const { project } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate();
  const hash = useLocation({ select: (location) => location.hash });
  const log = useLog(id, search.node);
  const deployment = useQuery(deploymentQuery(id)).data;
  const change = (next: Partial<typeof search>) => void navigate({ to: "/projects/$project/logs", params: { project }, search: { ...search, ...next }, hash: true, replace: true });
  return (
    <div className="flex flex-col gap-3">
      {/* Its place is taken before it is known: the log does not jump. */}
      <p className="flex min-h-6 flex-wrap items-center gap-2 text-sm">
        {deployment !== undefined && (
          <>
            <Link to="/deployments/$id" params={{ id }} className="tabular font-medium hover:underline">
              v{deployment.number}
            </Link>
            <StateChip state={deployment.state} />
            <ConditionChips deployment={deployment} />
          </>
        )}
      </p>
      {deployment !== undefined && <SleepNote deployment={deployment} />}
      {deployment !== undefined && <NodeField deployment={deployment} node={search.node} onNode={(node) => change({ node })} />}
      <LogPanel
        key={search.node}
        id={id}
        log={log}
        steps={deployment?.steps ?? []}
        search={search.q ?? ""}
        onSearch={(q) => change({ q: q || undefined })}
        filter={{ step: search.step, stream: search.stream }}
        onFilter={({ step, stream }) => change({ step, stream })}
        chosen={rangeOf(hash)}
        onChoose={(range) => void navigate({ to: "/projects/$project/logs", params: { project }, search, hash: hashOf(range), replace: true, resetScroll: false, hashScrollIntoView: false })}
        className={HEIGHT}
      />
    </div>
  );
}
