import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import type { Role } from "./queries";

function useStale(queryKey: readonly unknown[]) {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey });
}

export function useMakeTeam() {
  return useMutation({
    mutationFn: (name: string) => answer(api.POST("/api/v1/teams", { body: { name } })),
    onSuccess: useStale(keys.teams()),
  });
}

export function useRenameTeam(team: string) {
  return useMutation({
    mutationFn: (name: string) => answer(api.PATCH("/api/v1/teams/{team}", { params: { path: { team } }, body: { name } })),
    onSuccess: useStale(keys.teams()),
  });
}

export function useDeleteTeam(team: string) {
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/teams/{team}", { params: { path: { team } } })),
    onSuccess: useStale(keys.teams()),
  });
}

export function useTransferTeam(team: string) {
  return useMutation({
    mutationFn: (to: string) => answer(api.POST("/api/v1/teams/{team}/transfer", { params: { path: { team } }, body: { to } })),
    onSuccess: useStale(keys.teams()),
  });
}

export function useSetRole(team: string, member: string) {
  return useMutation({
    mutationFn: (role: Role) => answer(api.PATCH("/api/v1/teams/{team}/members/{member}", { params: { path: { team, member } }, body: { role } })),
    onSettled: useStale(keys.team(team)),
  });
}

export function useRemoveMember(team: string, member: string) {
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/teams/{team}/members/{member}", { params: { path: { team, member } } })),
    onSuccess: useStale(keys.teams()),
  });
}

export function useInvite(team: string) {
  return useMutation({
    mutationFn: (body: { email: string; role: Role }) => answer(api.POST("/api/v1/teams/{team}/invitations", { params: { path: { team } }, body })),
    onSuccess: useStale(keys.team(team)),
  });
}

export function useInviteAgain(team: string, invitation: string) {
  return useMutation({
    mutationFn: () => answer(api.POST("/api/v1/teams/{team}/invitations/{invitation}/resend", { params: { path: { team, invitation } } })),
    onSuccess: useStale(keys.team(team)),
  });
}

export function useWithdraw(team: string, invitation: string) {
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/teams/{team}/invitations/{invitation}", { params: { path: { team, invitation } } })),
    onSuccess: useStale(keys.team(team)),
  });
}

/** Answers an invitation to whoever is signed in. */
export function useAnswerInvitation() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ accept, ...which }: { accept: boolean; invitation?: string; token?: string }) => {
      if (accept) await answer(api.POST("/api/v1/invitations/accept", { body: which }));
      else await answer(api.POST("/api/v1/invitations/decline", { body: which }));
    },
    // Another team may mean other projects, other environments, everything.
    onSuccess: () => client.invalidateQueries(),
  });
}

export function useGrant(project: string) {
  return useMutation({
    mutationFn: (body: { team: string; scopes: Schemas["Scope"][] }) => answer(api.PUT("/api/v1/projects/{project}/grants", { params: { path: { project } }, body })),
    onSettled: useStale(keys.grants({ project })),
  });
}

export function useTakeBack(project: string, grant: string) {
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/projects/{project}/grants/{grant}", { params: { path: { project, grant } } })),
    onSuccess: useStale(keys.grants({ project })),
  });
}

export function useTransferProject(project: string) {
  return useMutation({
    mutationFn: (to: string) => answer(api.POST("/api/v1/projects/{project}/transfer", { params: { path: { project } }, body: { to } })),
    onSuccess: useStale(keys.projects()),
  });
}
