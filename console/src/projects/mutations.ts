import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import type { Project } from "@/api/queries";

/** A JSON merge patch: what is left out stays, `null` goes back to the default. */
export type Patch = { [part in keyof Schemas["ProjectPatch"]]?: unknown };

export function useUpdateProject(project: Project) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (patch: Patch) =>
      answer(
        api.PATCH("/api/v1/projects/{project}", {
          params: { path: { project: project.name }, header: { "If-Match": `"${project.version}"` } },
          // The document cannot say that each field of a patch may be missing.
          body: patch as Schemas["ProjectPatch"],
          headers: { "content-type": "application/merge-patch+json" },
        }),
      ),
    onSuccess: (next) => client.setQueryData(keys.project(project.name), next),
    onError: () => client.invalidateQueries({ queryKey: keys.project(project.name) }),
  });
}

export function useDeleteProject(name: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/projects/{project}", { params: { path: { project: name } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.projects() }),
  });
}
