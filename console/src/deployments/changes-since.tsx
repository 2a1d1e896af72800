import { useInfiniteQuery } from "@tanstack/react-query";
import { type Deployment, deploymentListQuery } from "@/api/queries";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { changesBetween, figuresBetween } from "./changes";
import { ChangesTable } from "./changes-table";

/** What is different from the deployment of this slot that was live before it. */
export function ChangesSince({ deployment }: { deployment: Deployment }) {
  const { project, slot, number } = deployment;
  const list = useInfiniteQuery(deploymentListQuery({ project, slot }));
  if (list.isError) return <ProblemPanel what="The earlier deployments could not be read" error={list.error} onRetry={() => void list.refetch()} className="m-4" />;
  if (list.data === undefined) return <SkeletonRows count={3} className="h-10" />;
  const before = list.data.pages.flatMap((page) => page.items).find((it) => it.number < number && it.timings.production_at !== null);
  if (before === undefined) return <p className="p-4 text-sm text-muted">Nothing was live in this slot before it.</p>;
  return (
    <ChangesTable
      fromLabel={`Before, v${before.number}`}
      toLabel={`This, v${number}`}
      changes={[...changesBetween(before, deployment), ...figuresBetween(before, deployment)]}
    />
  );
}
