/** What is read of pipelines, and what they are made of. */

import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import { isNotFound } from "@/api/problem";
import type { Schema } from "@/schema-form/schema";

export type Saved = Schemas["Pipeline"];
export type Problem = Schemas["DocumentProblem"];
export type Tags = Schemas["Tags"];
export type DryRun = Schemas["DryRun"];

/** The latest version; `null` when nobody has saved one and there is no repository to make one from. */
export const pipelineQuery = (project: string) =>
  queryOptions({
    queryKey: [...keys.pipeline(project), "latest"],
    queryFn: async ({ signal }) => {
      try {
        return await answer(api.GET("/api/v1/projects/{project}/pipeline", { signal, params: { path: { project } } }));
      } catch (error) {
        if (isNotFound(error)) return null;
        throw error;
      }
    },
  });

/** A version never changes, so it is read once. */
export const pipelineVersionQuery = (project: string, version: number) =>
  queryOptions({
    queryKey: [...keys.pipeline(project), "version", version],
    queryFn: ({ signal }) => answer(api.GET("/api/v1/projects/{project}/pipeline/versions/{version}", { signal, params: { path: { project, version: String(version) } } })),
    staleTime: Infinity,
  });

export const pipelineVersionsQuery = (project: string) =>
  infiniteQueryOptions({
    queryKey: [...keys.pipeline(project), "versions"],
    queryFn: ({ signal, pageParam: cursor }) =>
      answer(api.GET("/api/v1/projects/{project}/pipeline/versions", { signal, params: { path: { project }, query: { cursor: cursor ?? undefined, limit: 50 } } })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });

export const pipelineDiffQuery = (project: string, from: number, to: number) =>
  queryOptions({
    queryKey: [...keys.pipeline(project), "diff", from, to],
    queryFn: ({ signal }) => answer(api.GET("/api/v1/projects/{project}/pipeline/diff", { signal, params: { path: { project }, query: { from, to } } })),
    staleTime: Infinity,
  });

/** All that is wrong with a text that is not saved. */
export const validationQuery = (project: string, text: string) =>
  queryOptions({
    queryKey: [...keys.pipeline(project), "validation", text],
    queryFn: ({ signal }) =>
      answer(
        api.POST("/api/v1/projects/{project}/pipeline/validate", {
          signal,
          params: { path: { project } },
          ...asYaml(text),
        }),
      ),
    placeholderData: keepPreviousData,
    gcTime: 10_000,
  });

/** A body that is text: the server names the lines of what is wrong in it. */
export function asYaml(text: string) {
  return { body: text as never, bodySerializer: (body: unknown) => body as string, headers: { "content-type": "application/yaml" } };
}

export const servicesQuery = () =>
  queryOptions({
    queryKey: keys.services(),
    queryFn: async ({ signal }) => (await answer(api.GET("/api/v1/services", { signal }))).items,
  });

export const pluginsQuery = () =>
  queryOptions({
    queryKey: keys.plugins(),
    queryFn: async ({ signal }) => (await answer(api.GET("/api/v1/plugins", { signal }))).items,
  });

export const templatesQuery = () =>
  queryOptions({
    queryKey: keys.templates(),
    queryFn: async ({ signal }) => (await answer(api.GET("/api/v1/templates", { signal }))).items,
  });

/** The JSON Schema of pipelines: the forms of steps are made from it. */
export const pipelineSchemaQuery = () =>
  queryOptions({
    queryKey: ["schema", "pipeline"],
    queryFn: async ({ signal }) => (await answer(api.GET("/schema/pipeline.json", { signal }))) as Schema,
    staleTime: Infinity,
  });

/** The tags that may be chosen for a service of a pipeline, or of the catalogue when there is no project. */
export const tagsQuery = (project: string | null, service: string, q: string) =>
  queryOptions({
    queryKey: keys.tags({ project, service, q }),
    queryFn: ({ signal }) =>
      answer(
        project === null
          ? api.GET("/api/v1/services/{service}/tags", { signal, params: { path: { service }, query: { q: q || undefined, limit: 50 } } })
          : api.GET("/api/v1/projects/{project}/pipeline/services/{service}/tags", { signal, params: { path: { project, service }, query: { q: q || undefined, limit: 50 } } }),
      ),
    placeholderData: keepPreviousData,
    staleTime: 15_000,
  });
