import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ChartLine } from "lucide-react";
import type { ReactNode } from "react";
import { bytes } from "@/lib/size";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Skeleton } from "@/ui/skeleton";
import type { ProjectFigures, Values } from "./answer";
import { milliseconds, perSecond, short } from "./figures";
import { projectMetricsQuery } from "./queries";
import { Sparkline } from "./sparkline";

/** What production was asked in the last hour, and how it went: the way to all figures. */
export function LastHour({ project }: { project: string }) {
  const query = useQuery(projectMetricsQuery(project, { slot: "production" }));
  // The page is about other things: what cannot be measured is told where it is looked for.
  if (query.isError && query.data === undefined) return null;
  return (
    <Card
      title="The last hour"
      actions={
        <Button size="small" asChild>
          <Link to="/projects/$project/metrics" params={{ project }} search={{ slot: "production" }}>
            <ChartLine aria-hidden /> Metrics
          </Link>
        </Button>
      }
    >
      <dl className="grid min-h-16 grid-cols-2 gap-x-6 gap-y-4 sm:grid-cols-4">
        {query.data === undefined ? ["Requests", "Failed", "Time to answer", "Memory"].map((label) => <Cell key={label} label={label} value={<Skeleton className="h-5 w-16" />} />) : <Cells answer={query.data} at={query.dataUpdatedAt} />}
      </dl>
    </Card>
  );
}

function Cells({ answer, at }: { answer: ProjectFigures; at: number }) {
  const { requests, services } = answer;
  const { totals, by_class, latency_ms } = requests;
  const all = answer.times.map((_, index) => Object.values(by_class).reduce((sum, counts) => sum + (counts[index] ?? 0), 0));
  const memory = services.map(({ memory_max_bytes }) => memory_max_bytes);
  const held = answer.times.map((_, index) => memory.reduce<number | null>((sum, values) => (values[index] == null ? sum : (sum ?? 0) + values[index]), null));
  const now = held.findLast((value) => value !== null);
  return (
    <>
      <Cell label="Requests" value={short(totals.requests)} line={perSecond(all, answer, at / 1000)} colour="--accent" said="Requests per second" />
      <Cell label="Failed" value={totals.errors === 0 ? "none" : short(totals.errors)} line={perSecond(by_class["5xx"], answer, at / 1000)} colour="--bad" said="Answers with an error of the server, per second" />
      <Cell label="Time to answer, p95" value={totals.p95_ms === null ? "nobody asked" : milliseconds(totals.p95_ms)} line={latency_ms.p95} colour="--rise" said="Time to answer" />
      <Cell label="Memory" value={now === undefined ? "no process" : bytes(now)} line={held} colour="--good" said="Memory" />
    </>
  );
}

function Cell({ label, value, line, colour, said }: { label: string; value: ReactNode; line?: Values; colour?: string; said?: string }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-muted">{label}</dt>
      <dd className="tabular font-medium">
        {value}
        <span className="mt-1 block h-7">{line?.some((it) => it !== null && it > 0) === true && colour !== undefined && <Sparkline values={line} colour={colour} label={`${said ?? label} over the last hour`} />}</span>
      </dd>
    </div>
  );
}
