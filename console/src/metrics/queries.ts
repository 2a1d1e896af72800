/** What is asked about figures over time. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import { keys } from "@/api/keys";
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
    queryFn: ({ signal }) =>
      answer(
        api.GET("/api/v1/projects/{project}/metrics", {
          signal,
          params: { path: { project }, query: { slot: search.slot, service: search.service, ...asked(search) } },
        }),
      ),
    ...freshness(search),
  });

export const nodeMetricsQuery = (node: string, search: RangeSearch) =>
  queryOptions({
    queryKey: keys.nodeMetrics(node, search),
    queryFn: ({ signal }) => answer(api.GET("/api/v1/nodes/{node}/metrics", { signal, params: { path: { node }, query: asked(search) } })),
    ...freshness(search),
  });

function asked(search: RangeSearch): { since?: string; from?: string; to?: string } {
  const piece = pieceOf(search);
  const time = (seconds: number) => new Date(seconds * 1000).toISOString();
  return piece === null ? { since: search.range ?? USUAL } : { from: time(piece.from), to: time(piece.to) };
}

/** A range that ends now goes on; a piece of the past stays as it is. */
function freshness(search: RangeSearch) {
  return { refetchInterval: pieceOf(search) === null ? EVERY_MS : (false as const), placeholderData: keepPreviousData };
}
