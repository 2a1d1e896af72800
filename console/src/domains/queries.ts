/** What is read of hostnames and of the certificates that they are served with. */

import { queryOptions } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";

export type Domain = Schemas["Domain"];
export type Certificate = Schemas["Certificate"];

/** What a look at DNS found is no event, so it is asked for: often while somebody waits for it. */
const WAITING_EVERY_MS = 3_000;
const CALM_EVERY_MS = 30_000;

/** Whether something is about to happen by itself. */
export function isWaiting({ state, certificate }: Domain): boolean {
  return state !== "verified" || (certificate.source === null && certificate.next_order_at !== null);
}

export const domainsQuery = (project: string) =>
  queryOptions({
    queryKey: keys.domains(project),
    queryFn: async ({ signal }) => (await answer(api.GET("/api/v1/projects/{project}/domains", { signal, params: { path: { project } } }))).items,
    refetchInterval: ({ state: { data } }) => (data?.some(isWaiting) === true ? WAITING_EVERY_MS : CALM_EVERY_MS),
  });

/** Of a project, or of the installation's own names. */
export const certificatesQuery = (project: string | null) =>
  queryOptions({
    queryKey: keys.certificates(project),
    queryFn: async ({ signal }) =>
      project === null
        ? (await answer(api.GET("/api/v1/certificates", { signal }))).items
        : (await answer(api.GET("/api/v1/projects/{project}/certificates", { signal, params: { path: { project } } }))).items,
    refetchInterval: CALM_EVERY_MS,
  });
