/** What is read of teams, of who is in them, and of what they were granted. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import { asAsked } from "@/audit/days";

export type Team = Schemas["Team"];
export type Member = Schemas["Member"];
export type Invitation = Schemas["Invitation"];
export type Grant = Schemas["Grant"];
export type Role = Schemas["Role"];
export type AuditEntry = Schemas["AuditEntry"];

export const ROLES: Record<Role, { label: string; may: string }> = {
  owner: { label: "Owner", may: "Everything, and gives the team or its projects away" },
  admin: { label: "Admin", may: "Everything but giving it away" },
  developer: { label: "Developer", may: "Changes and deploys projects" },
  viewer: { label: "Viewer", may: "Looks" },
};

const PAGE = 200;

export const teamsQuery = () =>
  queryOptions({
    queryKey: keys.teams(),
    queryFn: async ({ signal }) => (await answer(api.GET("/api/v1/teams", { signal, params: { query: { limit: PAGE } } }))).items,
  });

export const teamQuery = (team: string) =>
  queryOptions({
    queryKey: keys.team(team),
    queryFn: ({ signal }) => answer(api.GET("/api/v1/teams/{team}", { signal, params: { path: { team } } })),
  });

export const membersQuery = (team: string) =>
  queryOptions({
    queryKey: [...keys.team(team), "members"],
    queryFn: async ({ signal }) => (await answer(api.GET("/api/v1/teams/{team}/members", { signal, params: { path: { team } } }))).items,
  });

export const teamInvitationsQuery = (team: string) =>
  queryOptions({
    queryKey: [...keys.team(team), "invitations"],
    queryFn: async ({ signal }) => (await answer(api.GET("/api/v1/teams/{team}/invitations", { signal, params: { path: { team } } }))).items,
  });

/** To whoever is signed in. */
export const myInvitationsQuery = () =>
  queryOptions({
    queryKey: keys.invitations(),
    queryFn: async ({ signal }) => (await answer(api.GET("/api/v1/invitations", { signal }))).items,
    staleTime: 60_000,
  });

export const grantsQuery = (project: string) =>
  queryOptions({
    queryKey: keys.grants({ project }),
    queryFn: async ({ signal }) => (await answer(api.GET("/api/v1/projects/{project}/grants", { signal, params: { path: { project } } }))).items,
  });

/** As it is in the address. */
export interface AuditFilter {
  actor?: string | undefined;
  action?: string | undefined;
  target?: string | undefined;
  project?: string | undefined;
  /** Days, both included: `2026-11-21`. */
  since?: string | undefined;
  until?: string | undefined;
}

export const auditQuery = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: keys.audit(filter),
    queryFn: ({ signal, pageParam: cursor }) => answer(api.GET("/api/v1/audit", { signal, params: { query: { ...asAsked(filter), cursor: cursor ?? undefined, limit: 50 } } })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });

export const sessionsQuery = () =>
  queryOptions({
    queryKey: keys.sessions(),
    queryFn: async ({ signal }) => (await answer(api.GET("/api/v1/sessions", { signal }))).items,
  });
