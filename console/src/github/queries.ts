/** What is read of GitHub: the installation's app, one's own account there, and what both may enter. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";

export type Github = Schemas["Github"];
export type GithubApp = Schemas["GithubApp"];
export type Installation = Schemas["GithubInstallation"];
export type Repository = Schemas["GithubRepository"];

const PER_PAGE = 50;
/** The longest page that there is. */
const ALL = 100;

export const githubQuery = () =>
  queryOptions({
    queryKey: keys.github(),
    queryFn: ({ signal }) => answer(api.GET("/api/v1/github", { signal })),
  });

/** All of them: somebody is in a handful of organisations, and chooses one. */
export const installationsQuery = () =>
  queryOptions({
    queryKey: keys.installations(),
    queryFn: async ({ signal }) => {
      const all: Installation[] = [];
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page: Schemas["List_GithubInstallation"] = await answer(api.GET("/api/v1/github/installations", { signal, params: { query: { cursor, limit: ALL } } }));
        all.push(...page.items);
        cursor = page.next_cursor;
      }
      return all;
    },
  });

/** A page of a search may be short, or empty, with another one after it. */
export const repositoriesQuery = (installation: number, search: string) =>
  infiniteQueryOptions({
    queryKey: keys.repositories(installation, search),
    queryFn: ({ signal, pageParam: cursor }) =>
      answer(
        api.GET("/api/v1/github/installations/{installation}/repositories", {
          signal,
          params: { path: { installation }, query: { search: search === "" ? undefined : search, cursor: cursor ?? undefined, limit: PER_PAGE } },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    // Each page is a question to GitHub, which counts them.
    staleTime: 60_000,
    refetchOnWindowFocus: false,
  });
