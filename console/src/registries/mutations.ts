import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import type { Registry } from "@/api/queries";

function useStale() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: keys.registries() });
}

/** Adds one, or changes the one that is given unless somebody else has done so meanwhile. */
export function useSaveRegistry(before: Registry | null) {
  const stale = useStale();
  return useMutation({
    mutationFn: (body: Schemas["RegistryRequest"]) =>
      before === null
        ? answer(api.POST("/api/v1/registries", { body }))
        : answer(
            api.PUT("/api/v1/registries/{registry}", {
              params: { path: { registry: before.name } },
              headers: { "if-match": `"${before.version}"` },
              body,
            }),
          ),
    onSettled: stale,
  });
}

export function useRemoveRegistry(name: string) {
  const stale = useStale();
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/registries/{registry}", { params: { path: { registry: name } } })),
    onSuccess: stale,
  });
}

export function useTestRegistry(name: string) {
  return useMutation({
    mutationFn: () => answer(api.POST("/api/v1/registries/{registry}/test", { params: { path: { registry: name } } })),
  });
}
