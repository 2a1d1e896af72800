import { expect, it } from "vitest";
import type { Deployment } from "@/api/queries";
import { pipelineOf } from "@/pipelines/model";
import { replicasOf, servicesOf } from "./replicas";

const instance = { healthy: true, last_exit: null, next_start_at: null, restarts: 0 };
const share = (node: string, replicas: Record<string, number[]>) => ({ node, offline: false, status: "healthy", replicas }) as Deployment["shares"][number];
const pipeline = pipelineOf({ steps: { api: { kind: "service", replicas: 3 }, store: { kind: "service" } } });

it("knows the services of a run, the one of a repository, and that a site has none", () => {
  expect(servicesOf({ services: { store: instance, api: instance }, instance: null })).toEqual(["api", "store"]);
  expect(servicesOf({ services: {}, instance })).toEqual(["service"]);
  expect(servicesOf({ services: {}, instance: null })).toEqual([]);
});

it("offers replicas where there are several, and knows where each is", () => {
  expect(replicasOf({ shares: [] }, pipeline, "store")).toEqual([]);
  expect(replicasOf({ shares: [] }, undefined, "service")).toEqual([]);
  expect(replicasOf({ shares: [share("berlin-2", { api: [2] })] }, pipeline, "api")).toEqual([
    { number: 1, node: undefined },
    { number: 2, node: "berlin-2" },
    { number: 3, node: undefined },
  ]);
  // The version that was run may not be read yet: what other nodes say is known.
  expect(replicasOf({ shares: [share("berlin-2", { api: [2] })] }, undefined, "api")).toHaveLength(2);
});
