/** What can be done to deployments. None of it is pretended to have happened: the server's events say when it has. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import type { Deployment } from "@/api/queries";

function useKeep() {
  const client = useQueryClient();
  return (deployment: Deployment) => {
    client.setQueryData(keys.deployment(deployment.id), deployment);
    void client.invalidateQueries({ queryKey: keys.deployments() });
    void client.invalidateQueries({ queryKey: keys.projects() });
  };
}

export function useDeploy(project: string) {
  const keep = useKeep();
  return useMutation({
    mutationFn: (body: Schemas["DeploymentRequest"]) =>
      answer(api.POST("/api/v1/projects/{project}/deployments", { params: { path: { project } }, body })),
    onSuccess: keep,
  });
}

export function useCancel(id: string) {
  const keep = useKeep();
  return useMutation({
    mutationFn: () => answer(api.POST("/api/v1/deployments/{id}/cancel", { params: { path: { id } } })),
    onSuccess: keep,
  });
}

export function useRedeploy(id: string) {
  const keep = useKeep();
  return useMutation({
    mutationFn: () => answer(api.POST("/api/v1/deployments/{id}/redeploy", { params: { path: { id } } })),
    onSuccess: keep,
  });
}

export function useRollback() {
  const keep = useKeep();
  return useMutation({
    mutationFn: ({ id, withCurrentVariables }: { id: string; withCurrentVariables: boolean }) =>
      answer(
        api.POST("/api/v1/deployments/{id}/rollback", {
          params: { path: { id } },
          body: { current_variables: withCurrentVariables },
        }),
      ),
    onSuccess: keep,
  });
}

export function useDeleteDeployment(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/deployments/{id}", { params: { path: { id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.deployments() }),
  });
}
