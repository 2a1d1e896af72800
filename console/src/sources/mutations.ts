import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import type { Following } from "./queries";

/** Most answers say how things are now: nobody has to ask again. */
function useTake(project: string) {
  const client = useQueryClient();
  return (following: Following) => void client.setQueryData(keys.following(project), following);
}

export function useLookAtSource(project: string) {
  return useMutation({
    mutationFn: () => answer(api.POST("/api/v1/projects/{project}/source/sync", { params: { path: { project } } })),
    onSuccess: useTake(project),
  });
}

/** Takes some seconds when nothing arrives. */
export function useCheckSource(project: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => answer(api.POST("/api/v1/projects/{project}/source/check", { params: { path: { project } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.following(project) }),
  });
}

export function useMakeSecret(project: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => answer(api.POST("/api/v1/projects/{project}/source/secret", { params: { path: { project } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.following(project) }),
  });
}

export function useMakeDeployKey(project: string) {
  return useMutation({
    mutationFn: () => answer(api.POST("/api/v1/projects/{project}/source/deploy-key", { params: { path: { project } } })),
    onSuccess: useTake(project),
  });
}

export function useGiveToken(project: string) {
  return useMutation({
    mutationFn: (body: Schemas["SourceToken"]) => answer(api.PUT("/api/v1/projects/{project}/source/token", { params: { path: { project } }, body })),
    onSuccess: useTake(project),
  });
}

export function useForgetCredential(project: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/projects/{project}/source/credential", { params: { path: { project } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.following(project) }),
  });
}

/** Asks the server which keys it shows now. */
export function useAskHostKeys(project: string) {
  return useMutation({
    mutationFn: async () => (await answer(api.GET("/api/v1/projects/{project}/source/host-keys", { params: { path: { project } } }))).items,
  });
}

export function useTrustHostKey(project: string) {
  return useMutation({
    mutationFn: (fingerprint: string) => answer(api.POST("/api/v1/projects/{project}/source/host-keys", { params: { path: { project } }, body: { fingerprint } })),
    onSuccess: useTake(project),
  });
}

/** A new project of a repository that was chosen among those that the GitHub App is let into. */
export function connectThroughApp(project: string): Promise<Following> {
  return answer(api.PUT("/api/v1/projects/{project}/source/connection", { params: { path: { project } }, body: { provider: "github_app" } }));
}

export function useConnect(project: string) {
  return useMutation({
    mutationFn: (body: Schemas["SourceConnectionRequest"]) => answer(api.PUT("/api/v1/projects/{project}/source/connection", { params: { path: { project } }, body })),
    onSuccess: useTake(project),
  });
}

export function useDisconnect(project: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/projects/{project}/source/connection", { params: { path: { project } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.following(project) }),
  });
}

export function useMakeWebhook(project: string) {
  return useMutation({
    mutationFn: () => answer(api.POST("/api/v1/projects/{project}/source/webhook", { params: { path: { project } } })),
    onSuccess: useTake(project),
  });
}

export function useRemoveWebhook(project: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/projects/{project}/source/webhook", { params: { path: { project } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.following(project) }),
  });
}

export function useApprovePull(project: string, number: number) {
  return useMutation({
    mutationFn: (body: Schemas["PullApprovalRequest"]) => answer(api.POST("/api/v1/projects/{project}/pulls/{number}/approve", { params: { path: { project, number } }, body })),
    onSuccess: useTake(project),
  });
}
