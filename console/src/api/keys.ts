/** The names under which answers are cached: what an event makes stale begins with one of these. */
export const keys = {
  me: () => ["me"] as const,
  projects: () => ["projects"] as const,
  project: (project: string) => ["projects", "one", project] as const,
  projectList: (search: string) => ["projects", "list", search] as const,
  slots: (project: string) => ["projects", "slots", project] as const,
  variables: (project: string) => ["variables", project] as const,
  deployments: () => ["deployments"] as const,
  deploymentList: (filter: object) => ["deployments", "list", filter] as const,
  deployment: (id: string) => ["deployment", id] as const,
  environments: () => ["environments"] as const,
  nodes: () => ["nodes"] as const,
  nodesOf: (environment: string) => ["nodes", "of", environment] as const,
  node: (node: string) => ["nodes", "one", node] as const,
  registries: () => ["registries"] as const,
  tokens: () => ["tokens"] as const,
  verdict: () => ["verdict"] as const,
};
