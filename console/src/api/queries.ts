/** What the pages read: one function per question to the server. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { type Schemas, answer, api } from "./client";
import { keys } from "./keys";
import { whenNotLive } from "./live";
import { isShort } from "./long-lists";

export type Project = Schemas["Project"];
export type Deployment = Schemas["Deployment"];
export type DeploymentState = Schemas["State"];
export type Slot = Schemas["Slot"];
export type Variable = Schemas["Variable"];
export type Node = Schemas["Node"];
export type Environment = Schemas["Environment"];
export type Registry = Schemas["Registry"];
export type Token = Schemas["Token"];
export type Plan = Schemas["Plan"];

const PAGE = 50;

export interface DeploymentFilter {
  project?: string | undefined;
  slot?: string | undefined;
  states?: DeploymentState[] | undefined;
}

export const meQuery = () =>
  queryOptions({
    queryKey: keys.me(),
    queryFn: ({ signal }) => answer(api.GET("/api/v1/me", { signal })),
    staleTime: 5 * 60_000,
  });

/** That something is gone at last is no event, so it is asked for. */
const whileDeleting = (items: readonly { deleting: boolean }[] | undefined): number | false =>
  items?.some(({ deleting }) => deleting) === true ? 2_000 : whenNotLive(10_000)();

export const projectListQuery = (search: string) =>
  infiniteQueryOptions({
    queryKey: keys.projectList(search),
    queryFn: ({ signal, pageParam: cursor }) =>
      answer(
        api.GET("/api/v1/projects", {
          signal,
          params: { query: { q: search === "" ? undefined : search, cursor: cursor ?? undefined, limit: PAGE } },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: (query) => isShort(query) && whileDeleting(query.state.data?.pages.flatMap((page) => page.items)),
    refetchOnWindowFocus: isShort,
    refetchOnReconnect: isShort,
  });

export const projectQuery = (project: string) =>
  queryOptions({
    queryKey: keys.project(project),
    queryFn: ({ signal }) => answer(api.GET("/api/v1/projects/{project}", { signal, params: { path: { project } } })),
    refetchInterval: ({ state }) => whileDeleting(state.data && [state.data]),
  });

export const slotsQuery = (project: string) =>
  queryOptions({
    queryKey: keys.slots(project),
    queryFn: async ({ signal }) =>
      (await answer(api.GET("/api/v1/projects/{project}/slots", { signal, params: { path: { project } } }))).items,
    refetchInterval: ({ state }) => whileDeleting(state.data),
  });

export const variablesQuery = (project: string) =>
  queryOptions({
    queryKey: keys.variables(project),
    queryFn: ({ signal }) =>
      answer(api.GET("/api/v1/projects/{project}/variables", { signal, params: { path: { project } } })),
  });

export const deploymentListQuery = (filter: DeploymentFilter, limit = PAGE) =>
  infiniteQueryOptions({
    queryKey: keys.deploymentList({ ...filter, limit }),
    queryFn: ({ signal, pageParam: cursor }) =>
      answer(
        api.GET("/api/v1/deployments", {
          signal,
          params: {
            query: {
              project: filter.project,
              slot: filter.slot,
              state: filter.states,
              cursor: cursor ?? undefined,
              limit,
            },
          },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: (query) => isShort(query) && whenNotLive(5_000)(),
    refetchOnWindowFocus: isShort,
    refetchOnReconnect: isShort,
  });

/** The steps of a run are no events, so they are asked for while it runs. */
const STEPS_EVERY_MS = 1_000;

/** Falling asleep and waking up are no events either. */
const ASLEEP_EVERY_MS = 2_000;
const SERVICE_EVERY_MS = 10_000;

function pauseFor(deployment: Deployment | undefined): number | false {
  const usual = whenNotLive(3_000)();
  if (deployment === undefined) return usual;
  if (isRunning(deployment)) return STEPS_EVERY_MS;
  if (deployment.conditions.asleep) return ASLEEP_EVERY_MS;
  return deployment.state === "PRODUCTION" && deployment.release_kind !== "site" ? Math.min(usual || SERVICE_EVERY_MS, SERVICE_EVERY_MS) : usual;
}

function isRunning({ pipeline_version, state }: Deployment): boolean {
  return pipeline_version > 0 && state !== "PRODUCTION" && state !== "FAILED" && state !== "INACTIVE";
}

export const deploymentQuery = (id: string) =>
  queryOptions({
    queryKey: keys.deployment(id),
    queryFn: ({ signal }) => answer(api.GET("/api/v1/deployments/{id}", { signal, params: { path: { id } } })),
    refetchInterval: ({ state: { data } }) => pauseFor(data),
  });

export const deploymentEventsQuery = (id: string) =>
  queryOptions({
    queryKey: [...keys.deployment(id), "events"],
    queryFn: async ({ signal }) =>
      (await answer(api.GET("/api/v1/deployments/{id}/events", { signal, params: { path: { id } } }))).items,
    refetchInterval: whenNotLive(5_000),
  });

export const environmentsQuery = () =>
  queryOptions({
    queryKey: keys.environments(),
    queryFn: async ({ signal }) => (await answer(api.GET("/api/v1/environments", { signal }))).items,
  });

/** The figures of machines are not events, so they are asked for. */
const USAGE_EVERY_MS = 5_000;

export const nodesQuery = (environment: string) =>
  queryOptions({
    queryKey: keys.nodesOf(environment),
    queryFn: async ({ signal }) =>
      (
        await answer(
          api.GET("/api/v1/environments/{environment}/nodes", { signal, params: { path: { environment } } }),
        )
      ).items,
    refetchInterval: USAGE_EVERY_MS,
  });

export const nodeQuery = (node: string) =>
  queryOptions({
    queryKey: keys.node(node),
    queryFn: ({ signal }) => answer(api.GET("/api/v1/nodes/{node}", { signal, params: { path: { node } } })),
    refetchInterval: USAGE_EVERY_MS,
  });

export const registriesQuery = () =>
  queryOptions({
    queryKey: keys.registries(),
    queryFn: async ({ signal }) => (await answer(api.GET("/api/v1/registries", { signal }))).items,
  });

export const tokensQuery = () =>
  queryOptions({
    queryKey: keys.tokens(),
    queryFn: async ({ signal }) => (await answer(api.GET("/api/v1/tokens", { signal }))).items,
  });

/** What the sign-in page offers: the same for strangers. */
export const signInOptionsQuery = () =>
  queryOptions({
    queryKey: keys.signInOptions(),
    queryFn: ({ signal }) => answer(api.GET("/api/v1/auth/options", { signal })),
    staleTime: 30_000,
  });

/** A command line that waits to be signed in. */
export const deviceLoginQuery = (code: string) =>
  queryOptions({
    queryKey: keys.deviceLogin(code),
    queryFn: ({ signal }) => answer(api.GET("/api/v1/me/device-logins/{code}", { signal, params: { path: { code } } })),
    staleTime: Infinity,
    retry: false,
  });

export const identitiesQuery = () =>
  queryOptions({
    queryKey: keys.identities(),
    queryFn: async ({ signal }) => (await answer(api.GET("/api/v1/me/identities", { signal }))).items,
  });

export const mailQuery = () =>
  queryOptions({
    queryKey: keys.mail(),
    queryFn: ({ signal }) => answer(api.GET("/api/v1/settings/mail", { signal })),
  });

export const verdictQuery = () =>
  queryOptions({
    queryKey: keys.verdict(),
    queryFn: ({ signal }) => answer(api.GET("/api/v1/verify", { signal })),
    staleTime: 30_000,
  });
