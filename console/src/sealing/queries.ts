import { queryOptions } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import { keys } from "@/api/keys";

export const sealingQuery = () =>
  queryOptions({
    queryKey: keys.sealing(),
    queryFn: ({ signal }) => answer(api.GET("/api/v1/keys", { signal })),
  });

/** The name of a master key says where it is. */
export function whereItIs(master: string): string {
  return master.startsWith("vault:") ? "In Vault: exchanging it takes its newest version there." : "On this server. One in the data directory is followed by a new one, one in a file of yours by what the file holds now.";
}
