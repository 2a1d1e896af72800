import type { Deployment } from "@/api/queries";
import type { Pipeline } from "@/pipelines/model";

export interface Replica {
  /** Counted from 1. */
  number: number;
  /** `undefined` for the node that leads the deployment. */
  node: string | undefined;
}

/** The services of a deployment in which something can be run, by name. */
export function servicesOf({ services, instance }: Pick<Deployment, "services" | "instance">): string[] {
  const named = Object.keys(services).sort();
  return named.length === 0 && instance !== null ? ["service"] : named;
}

/** Where the replicas of a service run. One that is alone needs no number. */
export function replicasOf({ shares }: Pick<Deployment, "shares">, pipeline: Pipeline | undefined, service: string): Replica[] {
  const elsewhere = shares.flatMap(({ node, replicas }) => (replicas[service] ?? []).map((number) => ({ number, node })));
  const wanted = pipeline?.steps[service]?.["replicas"];
  const count = Math.max(typeof wanted === "number" ? wanted : 1, ...elsewhere.map(({ number }) => number));
  if (count === 1) return [];
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  return numbers.map((number) => ({ number, node: elsewhere.find((it) => it.number === number)?.node }));
}
