import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import type { Slot } from "@/api/queries";

/** A lifetime begins anew at once, and is put right by the answer. */
export function useExtend(project: string, slot: Slot) {
  const client = useQueryClient();
  const queryKey = keys.slots(project);
  return useMutation({
    mutationFn: (lifetime_s: number | null) =>
      answer(api.POST("/api/v1/projects/{project}/slots/{slot}/extend", { params: { path: { project, slot: slot.name } }, body: lifetime_s === null ? {} : { lifetime_s } })),
    onMutate: (lifetime_s) => {
      const seconds = lifetime_s ?? slot.lifetime_s;
      const before = client.getQueryData<Slot[]>(queryKey);
      const expires_at = seconds === null || seconds === 0 ? null : new Date(Date.now() + seconds * 1000).toISOString();
      client.setQueryData<Slot[]>(queryKey, (slots) => slots?.map((it) => (it.name === slot.name ? { ...it, expires_at } : it)));
      return { before };
    },
    onError: (_, __, kept) => client.setQueryData(queryKey, kept?.before),
    onSettled: () => client.invalidateQueries({ queryKey }),
  });
}

export function useClone(project: string, slot: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas["CloneRequest"]) => answer(api.POST("/api/v1/projects/{project}/slots/{slot}/clone", { params: { path: { project, slot } }, body })),
    onSuccess: (deployment) => {
      client.setQueryData(keys.deployment(deployment.id), deployment);
      void client.invalidateQueries({ queryKey: keys.projects() });
      void client.invalidateQueries({ queryKey: keys.deployments() });
    },
  });
}

export function useDeleteSlot(project: string, slot: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/projects/{project}/slots/{slot}", { params: { path: { project, slot } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.projects() }),
  });
}
