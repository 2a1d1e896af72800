import { QueryClient } from "@tanstack/react-query";
import { ProblemError, isPassing } from "./problem";

const MOST_RETRIES = 2;

export const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      // What the server has decided does not change by asking again.
      retry: (failures, error) => failures < MOST_RETRIES && (isPassing(error) || !(error instanceof ProblemError)),
      retryDelay: (failures) => 400 * 2 ** failures,
    },
    mutations: { retry: false },
  },
});
