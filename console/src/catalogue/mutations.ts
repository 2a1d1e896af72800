import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import { asYaml } from "@/pipelines/queries";

export type Service = Schemas["Service"];
export type Plugin = Schemas["Plugin"];

function useStale(queryKey: readonly unknown[]) {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey });
}

/** Adds a service, or changes the one that is given unless somebody else has done so meanwhile. */
export function useSaveService(before: Service | null) {
  return useMutation({
    mutationFn: (body: Record<string, unknown>) =>
      before === null
        ? answer(api.POST("/api/v1/services", { body: body as Schemas["ServiceDocument"] }))
        : answer(
            api.PUT("/api/v1/services/{service}", {
              params: { path: { service: before.name } },
              headers: { "if-match": `"${before.version}"` },
              body: body as Schemas["ServiceDocument"],
            }),
          ),
    onSettled: useStale(keys.services()),
  });
}

export function useRemoveService(service: string) {
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/services/{service}", { params: { path: { service } } })),
    onSuccess: useStale(keys.services()),
  });
}

export function useSavePlugin(before: Plugin | null) {
  return useMutation({
    mutationFn: (text: string) => {
      const yaml = asYaml(text);
      return before === null
        ? answer(api.POST("/api/v1/plugins", yaml))
        : answer(
            api.PUT("/api/v1/plugins/{plugin}", {
              params: { path: { plugin: before.name } },
              ...yaml,
              headers: { ...yaml.headers, "if-match": `"${before.version}"` },
            }),
          );
    },
    onSettled: useStale(keys.plugins()),
  });
}

export function useRemovePlugin(plugin: string) {
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/plugins/{plugin}", { params: { path: { plugin } } })),
    onSuccess: useStale(keys.plugins()),
  });
}
