import { useMutation, useQueryClient } from "@tanstack/react-query";
import { answer, api, plain } from "@/api/client";
import { keys } from "@/api/keys";
import type { Domain } from "./queries";

/** What the server says of one hostname is shown at once; the rest of the list is as it was. */
function usePut(project: string) {
  const client = useQueryClient();
  return (next: Domain) => {
    client.setQueryData(keys.domains(project), (before: Domain[] | undefined) =>
      before === undefined ? before : before.some(({ name }) => name === next.name) ? before.map((it) => (it.name === next.name ? next : it)) : [...before, next],
    );
    void client.invalidateQueries({ queryKey: keys.domains(project) });
  };
}

/** Claims a hostname, or has it show another slot. */
export function usePutDomain(project: string) {
  return useMutation({
    mutationFn: ({ domain, slot }: { domain: string; slot: string }) =>
      answer(api.PUT("/api/v1/projects/{project}/domains/{domain}", { params: { path: { project, domain } }, body: plain({ slot }) })),
    onSuccess: usePut(project),
  });
}

export function useLookAtDomain(project: string, domain: string) {
  return useMutation({
    mutationFn: () => answer(api.POST("/api/v1/projects/{project}/domains/{domain}/verify", { params: { path: { project, domain } } })),
    onSuccess: usePut(project),
  });
}

export function useOrderCertificate(project: string, domain: string) {
  return useMutation({
    mutationFn: () => answer(api.POST("/api/v1/projects/{project}/domains/{domain}/renew", { params: { path: { project, domain } } })),
    onSuccess: usePut(project),
  });
}

export function useGiveUpDomain(project: string, domain: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/projects/{project}/domains/{domain}", { params: { path: { project, domain } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.domains(project) }),
  });
}

export interface Handed {
  chain: string;
  key: string;
}

/** Hands a certificate over: for domains of a project, or for the installation's own names. */
export function useHandOver(project: string | null) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (handed: Handed) =>
      project === null
        ? answer(api.POST("/api/v1/certificates", { body: plain(handed) }))
        : answer(api.POST("/api/v1/projects/{project}/certificates", { params: { path: { project } }, body: plain(handed) })),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keys.certificates(project) });
      if (project !== null) await client.invalidateQueries({ queryKey: keys.domains(project) });
    },
  });
}

export function useDeleteCertificate(project: string | null, certificate: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () =>
      project === null
        ? answer(api.DELETE("/api/v1/certificates/{certificate}", { params: { path: { certificate } } }))
        : answer(api.DELETE("/api/v1/projects/{project}/certificates/{certificate}", { params: { path: { project, certificate } } })),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keys.certificates(project) });
      if (project !== null) await client.invalidateQueries({ queryKey: keys.domains(project) });
    },
  });
}
