import type { Deployment } from "@/api/queries";

/** Whether a pipeline that somebody saved was run; version 0 is the one that is made for a repository. */
export function isRunOfPipeline({ pipeline_version }: Pick<Deployment, "pipeline_version">): boolean {
  return pipeline_version > 0;
}

/** What somebody chose for it: `api:v3`, `greeting=Hello`. */
export function chosenIn({ tags, parameters }: Pick<Deployment, "tags" | "parameters">): string[] {
  return [...Object.entries(tags).map(([service, tag]) => `${service}:${tag}`), ...Object.entries(parameters).map(([name, value]) => `${name}=${value}`)];
}
