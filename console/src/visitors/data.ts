/** Who may visit what a project shows: read, and said anew. */

import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";

export type Visitors = Schemas["Visitors"];
export type Access = Schemas["VisitorAccess"];

export const ACCESS: Record<Access, string> = {
  public: "Everybody",
  password: "Who knows a password",
  team: "Who may see the project",
};

export const visitorsQuery = (project: string) =>
  queryOptions({
    queryKey: keys.visitors(project),
    queryFn: ({ signal }) => answer(api.GET("/api/v1/projects/{project}/visitors", { signal, params: { path: { project } } })),
  });

export function useSayVisitors(project: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas["VisitorsRequest"]) => answer(api.PUT("/api/v1/projects/{project}/visitors", { params: { path: { project } }, body })),
    onSuccess: (visitors) => client.setQueryData(keys.visitors(project), visitors),
  });
}

export function useSetPassword(project: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ name, password }: { name: string; password: string }) =>
      answer(api.PUT("/api/v1/projects/{project}/visitors/passwords/{name}", { params: { path: { project, name } }, body: { password } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.visitors(project) }),
  });
}

export function useTakePassword(project: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => answer(api.DELETE("/api/v1/projects/{project}/visitors/passwords/{name}", { params: { path: { project, name } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.visitors(project) }),
  });
}
