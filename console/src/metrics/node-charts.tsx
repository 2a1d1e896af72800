import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { ChartCard } from "./chart-card";
import { nodeFigures } from "./figures";
import { nodeMetricsQuery } from "./queries";
import { RangeBar } from "./range-bar";
import { type RangeSearch, chosen } from "./ranges";

interface Props {
  node: string;
  search: RangeSearch;
  onSearch: (next: RangeSearch) => void;
}

/** What a machine had to do, over time. */
export function NodeCharts({ node, search, onSearch }: Props) {
  const query = useQuery(nodeMetricsQuery(node, search));
  const answer = query.data;
  const figures = useMemo(() => (answer === undefined ? [] : nodeFigures(answer)), [answer]);
  const isKnown = figures.some(({ series }) => series.some(({ values }) => values.some((value) => value !== null)));
  return (
    <section aria-label="Figures" className="flex flex-col gap-3">
      <RangeBar search={search} span={answer ?? null} onChange={onSearch} />
      {query.isError && <ProblemPanel what="The figures could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />}
      {answer !== undefined && !isKnown && <p className="text-sm text-muted">Nothing was heard of it in this time.</p>}
      {(answer === undefined ? !query.isError : isKnown) && (
        <div className="grid grid-cols-[repeat(auto-fit,minmax(min(100%,27rem),1fr))] gap-4">
          {answer === undefined
            ? ["cpu", "memory", "disk", "containers"].map((key) => <Skeleton key={key} className="h-64 rounded-xl" />)
            : figures.map((figure) => <ChartCard key={figure.key} figure={figure} times={answer.times} span={answer} group="node" onZoom={({ from, to }) => onSearch(chosen(from, to))} />)}
        </div>
      )}
    </section>
  );
}
