/** What the server measured, as it answers. All lists are as long as `times`; `null` is where nothing was measured. */

export type Values = (number | null)[];

interface Steps {
  /** Unix seconds, rounded outwards to steps. */
  from: number;
  to: number;
  step_s: number;
  /** Where each step begins. */
  times: number[];
}

export const CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"] as const;

export interface ServiceFigures {
  service: string;
  cpu_cores: Values;
  /** Of the replica that held most. */
  memory_max_bytes: Values;
  memory_limit_bytes: number | null;
  restarts: number[];
  oom_kills: number[];
}

export interface ProjectFigures extends Steps {
  requests: {
    by_class: Record<(typeof CLASSES)[number], number[]>;
    upstream_errors: number[];
    bytes_out: number[];
    latency_ms: { p50: Values; p95: Values; p99: Values };
    totals: { requests: number; errors: number; bytes_out: number; p50_ms: number | null; p95_ms: number | null; p99_ms: number | null };
  };
  wakes: { count: number[]; mean_ms: Values; max_ms: Values };
  services: ServiceFigures[];
  asleep: { slot: string; from: number; to: number; depth: string }[];
  deployments: { id: string; number: number; slot: string; at: number }[];
}

export interface NodeFigures extends Steps {
  cpu_cores: Values;
  memory_used_bytes: Values;
  disk_used_bytes: Values;
  containers: Values;
  cpu_limit_cores: number | null;
  memory_limit_bytes: number | null;
  disk_limit_bytes: number | null;
}
