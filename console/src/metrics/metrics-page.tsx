import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi, useNavigate } from "@tanstack/react-router";
import { ChartLine } from "lucide-react";
import { useMemo } from "react";
import { projectQuery, slotsQuery } from "@/api/queries";
import { command } from "@/lib/shell";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Field, Select } from "@/ui/field";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import type { ProjectFigures } from "./answer";
import { ChartCard } from "./chart-card";
import { serviceFigures, trafficFigures } from "./figures";
import { projectMetricsQuery } from "./queries";
import { RangeBar } from "./range-bar";
import { type RangeSearch, chosen } from "./ranges";

const route = getRouteApi("/app/projects/$project/metrics");
const GROUP = "project";

/** What it was asked, how fast it answered and what it needed for that. */
export function MetricsPage() {
  const { project } = route.useParams();
  useTitle("Metrics", project);
  const search = route.useSearch();
  const navigate = useNavigate();
  const slots = useQuery(slotsQuery(project)).data ?? [];
  const query = useQuery(projectMetricsQuery(project, search));
  const change = (next: Partial<typeof search>) => void navigate({ to: "/projects/$project/metrics", params: { project }, search: { ...search, ...next }, replace: true });
  const changeRange = ({ range, from, to }: RangeSearch) => change({ range, from, to });
  const answer = query.data;
  return (
    <>
      <RangeBar search={search} span={answer ?? null} onChange={changeRange}>
        {slots.length > 1 && (
          <Field label="Slot" isLabelHidden className="w-40">
            {(attributes) => (
              <Select {...attributes} value={search.slot ?? ""} onChange={({ target }) => change({ slot: target.value || undefined, service: undefined })}>
                <option value="">All slots</option>
                {slots.map(({ name }) => (
                  <option key={name}>{name}</option>
                ))}
              </Select>
            )}
          </Field>
        )}
        <ServiceField answer={answer} service={search.service} onService={(service) => change({ service })} />
      </RangeBar>
      {query.isError && <ProblemPanel what="The figures could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />}
      {answer === undefined ? !query.isError && <Waiting /> : <Charts answer={answer} at={query.dataUpdatedAt} onZoom={({ from, to }) => changeRange(chosen(from, to))} />}
    </>
  );
}

/** Which services there are, the answer says: one that was chosen stays in the list. */
function ServiceField({ answer, service, onService }: { answer: ProjectFigures | undefined; service: string | undefined; onService: (service: string | undefined) => void }) {
  const names = [...new Set([...(answer?.services ?? []).map((it) => it.service), ...(service === undefined ? [] : [service])])].sort();
  if (service === undefined && names.length < 2) return null;
  return (
    <Field label="Service" isLabelHidden className="w-40">
      {(attributes) => (
        <Select {...attributes} value={service ?? ""} onChange={({ target }) => onService(target.value || undefined)}>
          <option value="">All services</option>
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </Select>
      )}
    </Field>
  );
}

const GRID = "grid grid-cols-[repeat(auto-fit,minmax(min(100%,27rem),1fr))] gap-4";

function Waiting() {
  return (
    <div role="status" aria-label="Loading" className={GRID}>
      {["a", "b", "c", "d"].map((key) => (
        <Skeleton key={key} className="h-64 rounded-xl" />
      ))}
    </div>
  );
}

function Charts({ answer, at, onZoom }: { answer: ProjectFigures; at: number; onZoom: (piece: { from: number; to: number }) => void }) {
  const { project } = route.useParams();
  const url = useQuery(projectQuery(project)).data?.url;
  const traffic = useMemo(() => trafficFigures(answer, at / 1000), [answer, at]);
  const services = useMemo(() => serviceFigures(answer), [answer]);
  const { times, asleep, deployments } = answer;
  const marks = useMemo(() => deployments.map((it) => ({ at: it.at, label: `v${it.number}` })), [deployments]);
  return (
    <>
      {traffic.length === 0 && (
        <Card isFlush>
          <Empty icon={<ChartLine />} title="No traffic in this time" {...(url !== undefined && { command: command("open", project) })}>
            {url === undefined ? (
              "Nobody has asked for anything."
            ) : (
              <>
                Nobody has asked for{" "}
                <a href={url} target="_blank" rel="noreferrer" className="underline underline-offset-2">
                  {url}
                </a>
                . A visit shows here within a quarter of a minute.
              </>
            )}
          </Empty>
        </Card>
      )}
      <div className={GRID}>
        {[...traffic, ...services].map((figure) => (
          <ChartCard key={figure.key} figure={figure} times={times} span={answer} shades={asleep} marks={marks} group={GROUP} onZoom={onZoom} />
        ))}
      </div>
      {(asleep.length > 0 || deployments.length > 0) && (
        <div className="flex flex-wrap items-center gap-x-4 gap-y-1 text-xs text-muted">
          {asleep.length > 0 && (
            <span className="inline-flex items-center gap-1.5">
              <span aria-hidden className="h-3 w-4 rounded-xs border border-build/35 bg-build-wash" /> Asleep
            </span>
          )}
          {deployments.length > 0 && (
            <span className="inline-flex flex-wrap items-center gap-x-2 gap-y-1">
              <span aria-hidden className="h-3 border-l border-dashed border-muted" /> Went live:
              {deployments.slice(-MOST_NAMED).map(({ id, number, slot }) => (
                <Link key={id} to="/deployments/$id" params={{ id }} className="tabular underline underline-offset-2 hover:text-ink">
                  v{number}
                  {slot !== "production" && ` of ${slot}`}
                </Link>
              ))}
              {deployments.length > MOST_NAMED && `and ${deployments.length - MOST_NAMED} before`}
            </span>
          )}
        </div>
      )}
    </>
  );
}

const MOST_NAMED = 12;
