import type { Project } from "@/api/queries";

/** Whether one may run commands in what a project has deployed. Unknown, as in lists, counts as yes: the server decides. */
export function mayRunCommands({ rights }: Pick<Project, "rights">): boolean {
  return rights?.["deployment"]?.includes("write") ?? rights === null;
}
