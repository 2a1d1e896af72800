import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import { ProblemError } from "@/api/problem";
import type { Github } from "./queries";
import { keepContinuation, takeContinuation } from "./there-and-back";

/** Another app, or another account: what was seen with the one before is not seen any more. */
function useForget() {
  const client = useQueryClient();
  return async () => {
    client.removeQueries({ queryKey: keys.installations() });
    await client.invalidateQueries({ queryKey: keys.github(), exact: true });
  };
}

/** Leaves for GitHub, which asks its user and comes back. */
export function useConnectAccount() {
  return useMutation({
    mutationFn: () => answer(api.POST("/api/v1/github/connection")),
    onSuccess: ({ url, continuation }) => {
      keepContinuation(continuation);
      location.assign(url);
    },
  });
}

export function useFinishConnecting() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ code, state }: { code: string; state: string }): Promise<Github> => {
      const continuation = takeContinuation();
      if (continuation === null) throw notBegunHere();
      return answer(api.PUT("/api/v1/github/connection", { body: { code, state, continuation } }));
    },
    onSuccess: (github) => {
      client.removeQueries({ queryKey: keys.installations() });
      client.setQueryData(keys.github(), github);
    },
  });
}

function notBegunHere(): ProblemError {
  return new ProblemError(409, { title: "This was not begun here", detail: "GitHub came back to another tab than the one in which it was begun, or it came back twice. Begin again.", code: "unknown" });
}

export function useDisconnectAccount() {
  return useMutation({ mutationFn: () => answer(api.DELETE("/api/v1/github/connection")), onSuccess: useForget() });
}

export function useSetApp() {
  return useMutation({ mutationFn: (body: Schemas["GithubAppRequest"]) => answer(api.PUT("/api/v1/github/app", { body })), onSuccess: useForget() });
}

export function useConvertApp() {
  return useMutation({ mutationFn: (code: string) => answer(api.POST("/api/v1/github/app/conversion", { body: { code } })), onSuccess: useForget() });
}

export function useForgetApp() {
  return useMutation({ mutationFn: () => answer(api.DELETE("/api/v1/github/app")), onSuccess: useForget() });
}

/** What a browser posts to GitHub, so that nobody has to fill in its form. */
export function useManifest() {
  return useMutation({ mutationFn: (organization: string | null) => answer(api.POST("/api/v1/github/app/manifest", { body: { organization } })) });
}
