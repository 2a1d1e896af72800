/** What is read of a project's repository: how it is entered, what is followed, what arrived. */

import { queryOptions } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";

export type Following = Schemas["Following"];
export type Branch = Schemas["Branch"];
export type HostKey = Schemas["SourceHostKey"];

/** What a look came to is no event, so it is asked for. */
const LOOK_EVERY_MS = 10_000;

export const followingQuery = (project: string) =>
  queryOptions({
    queryKey: keys.following(project),
    queryFn: ({ signal }) => answer(api.GET("/api/v1/projects/{project}/source", { signal, params: { path: { project } } })),
    refetchInterval: LOOK_EVERY_MS,
  });
