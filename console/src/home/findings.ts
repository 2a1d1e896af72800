/** What needs somebody: read out of what the server knows, worst first. */

import type { Deployment, Node } from "@/api/queries";

const SOON_MS = 24 * 3_600_000;
/** Ends that somebody wanted. */
const CALM = ["cancelled", "superseded"];

export interface Findings {
  failed: Deployment[];
  troubled: Deployment[];
  moving: Deployment[];
  expiring: Deployment[];
  nodes: Node[];
}

export function findingsIn(recent: readonly Deployment[], live: readonly Deployment[], nodes: readonly Node[], now: number): Findings {
  return {
    failed: newestOf(recent).filter(({ state, failure }) => state === "FAILED" && !CALM.includes(failure?.code ?? "")),
    troubled: live.filter(({ conditions, services }) => conditions.offline || conditions.crash_looping || Object.values(services).some(({ healthy }) => !healthy)),
    moving: recent.filter(({ state }) => state === "QUEUED" || state === "BUILDING" || state === "PROVISIONING"),
    expiring: live.filter(({ expires_at }) => expires_at !== null && new Date(expires_at).getTime() - now < SOON_MS).toSorted((a, b) => (a.expires_at ?? "").localeCompare(b.expires_at ?? "")),
    nodes: nodes.filter(({ status }) => status !== "online"),
  };
}

/** The newest of each slot: an older failure that was mended needs nobody. */
export function newestOf(deployments: readonly Deployment[]): Deployment[] {
  const newest = new Map<string, Deployment>();
  for (const deployment of deployments) {
    const slot = `${deployment.project}/${deployment.slot}`;
    const known = newest.get(slot);
    if (known === undefined || known.number < deployment.number) newest.set(slot, deployment);
  }
  return [...newest.values()];
}

export function isCalm({ failed, troubled, expiring, nodes }: Findings): boolean {
  return failed.length + troubled.length + expiring.length + nodes.length === 0;
}
