import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import { asYaml } from "./queries";

/** Saves the next version, unless somebody else has saved one since `base`. */
export function useSavePipeline(project: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ text, base, message }: { text: string; base: number; message: string }) => {
      const yaml = asYaml(text);
      return answer(
        api.PUT("/api/v1/projects/{project}/pipeline", {
          params: { path: { project }, query: { message: message.trim() || undefined } },
          ...yaml,
          headers: { ...yaml.headers, "if-match": `"${base}"` },
        }),
      );
    },
    onSuccess: (saved) => {
      client.setQueryData([...keys.pipeline(project), "latest"], saved);
      void client.invalidateQueries({ queryKey: [...keys.pipeline(project), "versions"] });
    },
  });
}

export function useDryRun(project: string) {
  return useMutation({
    mutationFn: (body: Schemas["DryRunRequest"]) => answer(api.POST("/api/v1/projects/{project}/pipeline/dry-run", { params: { path: { project } }, body })),
  });
}

export function useImportCompose() {
  return useMutation({
    mutationFn: (body: Schemas["ComposeRequest"]) => answer(api.POST("/api/v1/import/compose", { body })),
  });
}

export function useSaveTemplate() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; pipeline: unknown }) => answer(api.POST("/api/v1/templates", { body: body as Schemas["TemplateRequest"] })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.templates() }),
  });
}

export function useDeleteTemplate(name: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/templates/{template}", { params: { path: { template: name } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.templates() }),
  });
}
