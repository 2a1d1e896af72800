import { useInfiniteQuery } from "@tanstack/react-query";
import { Rocket, SearchX } from "lucide-react";
import type { ReactNode } from "react";
import { type DeploymentFilter, deploymentListQuery } from "@/api/queries";
import { useRowKeys } from "@/lib/row-keys";
import { Empty } from "@/ui/empty";
import { LoadMore } from "@/ui/load-more";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { VirtualRows } from "@/ui/virtual-rows";
import { DeploymentRow } from "./deployment-row";

interface Props {
  filter: DeploymentFilter;
  isFiltered: boolean;
  /** Takes the filter away. */
  clear: ReactNode;
}

/** All deployments that fit a filter, the newest first, as far as one scrolls. */
export function DeploymentList({ filter, isFiltered, clear }: Props) {
  const list = useInfiniteQuery(deploymentListQuery(filter));
  const onRowKey = useRowKeys();
  if (list.isError && list.data === undefined) {
    return (
      <ProblemPanel what="The deployments could not be read" error={list.error} onRetry={() => void list.refetch()} isRetrying={list.isFetching} />
    );
  }
  const deployments = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <div className="overflow-clip rounded-xl border border-line bg-surface">
        {list.isPending && <SkeletonRows count={10} />}
        {list.isSuccess && deployments.length === 0 && (
          <Empty
            icon={isFiltered ? <SearchX /> : <Rocket />}
            title={isFiltered ? "No deployment fits" : "Nothing was deployed yet"}
            action={isFiltered ? clear : undefined}
            command={isFiltered ? undefined : "pierhead deploy"}
          >
            {isFiltered ? "There is none in this state or slot." : "Each deployment is kept here with its log, its plan and what became of it."}
          </Empty>
        )}
        {deployments.length > 0 && (
          <VirtualRows label="Deployments" items={deployments} keyOf={({ id }) => id} height={56} onKeyDown={onRowKey}>
            {(deployment) => <DeploymentRow key={deployment.id} deployment={deployment} isProjectShown={filter.project === undefined} />}
          </VirtualRows>
        )}
      </div>
      <LoadMore query={list} />
    </>
  );
}
