import type { Deployment } from "@/api/queries";

/** Whether a pipeline that somebody saved was run; version 0 is the one that is made for a repository. */
export function isRunOfPipeline({ pipeline_version }: Pick<Deployment, "pipeline_version">): boolean {
  return pipeline_version > 0;
}
