/** What is asked about figures over time. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { open } from "@/api/client";
import { keys } from "@/api/keys";
import type { NodeFigures, ProjectFigures } from "./answer";
import { type RangeSearch, USUAL, pieceOf } from "./ranges";

/** New figures come as often. */
const EVERY_MS = 10_000;

export interface Of {
  slot?: string | undefined;
  service?: string | undefined;
}

export const projectMetricsQuery = (project: string, search: RangeSearch & Of) =>
  queryOptions({
    queryKey: keys.metrics(project, search),
    queryFn: async ({ signal }) => {
      const { slot, service } = search;
      const path = `/api/v1/projects/${encodeURIComponent(project)}/metrics?${asked(search, { slot, service })}`;
      return (await (await open(path, { signal })).json()) as ProjectFigures;
    },
    ...freshness(search),
  });

export const nodeMetricsQuery = (node: string, search: RangeSearch) =>
  queryOptions({
    queryKey: keys.nodeMetrics(node, search),
    queryFn: async ({ signal }) => (await (await open(`/api/v1/nodes/${encodeURIComponent(node)}/metrics?${asked(search, {})}`, { signal })).json()) as NodeFigures,
    ...freshness(search),
  });

function asked(search: RangeSearch, others: Record<string, string | undefined>): string {
  const piece = pieceOf(search);
  const time = (seconds: number) => new Date(seconds * 1000).toISOString();
  const range: Record<string, string> = piece === null ? { since: search.range ?? USUAL } : { from: time(piece.from), to: time(piece.to) };
  const query = new URLSearchParams(range);
  for (const [name, value] of Object.entries(others)) if (value !== undefined) query.set(name, value);
  return query.toString();
}

/** A range that ends now goes on; a piece of the past stays as it is. */
function freshness(search: RangeSearch) {
  return { refetchInterval: pieceOf(search) === null ? EVERY_MS : (false as const), placeholderData: keepPreviousData };
}
