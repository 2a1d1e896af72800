import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import { deploymentListQuery, deploymentQuery, projectQuery, slotsQuery } from "@/api/queries";
import { DeploymentRow } from "@/deployments/deployment-row";
import { PlanTable } from "@/deployments/plan-table";
import { domainsQuery } from "@/domains/queries";
import { useRowKeys } from "@/lib/row-keys";
import { LastHour } from "@/metrics/last-hour";
import { pipelineQuery } from "@/pipelines/queries";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { FirstDeployment } from "./first-deployment";
import { PipelineOverview } from "./pipeline-overview";
import { ProductionCard } from "./production-card";
import { SlotsCard } from "./slots-card";

const route = getRouteApi("/app/projects/$project/");
const RECENT = 10;

export function OverviewPage() {
  const { project: name } = route.useParams();
  useTitle(name);
  const project = useQuery(projectQuery(name)).data;
  const recent = useInfiniteQuery(deploymentListQuery({ project: name }, RECENT));
  const live = useQuery({ ...deploymentQuery(project?.live ?? ""), enabled: project?.live != null });
  const onRowKey = useRowKeys();
  const deployments = recent.data?.pages[0]?.items;
  const pipeline = useQuery(pipelineQuery(name));
  const saved = pipeline.data;
  const isPipeline = saved === null || saved?.generated === false;
  const slots = useQuery(slotsQuery(name));
  const domains = useQuery({ ...domainsQuery(name), enabled: project !== undefined && !isPipeline });
  // All at once: what came last would push the rest down under somebody's finger.
  const isPending = project === undefined || saved === undefined || recent.isPending || slots.isPending || (project.live !== null && live.isPending) || (!isPipeline && domains.isPending);
  if (isPending && !pipeline.isError) return <Skeleton className="h-112 rounded-xl" />;
  if (!isPipeline && project?.live === null && deployments?.length === 0) return <FirstDeployment project={project} />;
  const newest = deployments?.find(({ slot }) => slot === "production");
  return (
    <>
      {isPipeline && project !== undefined ? (
        <PipelineOverview project={project} saved={saved} />
      ) : (
        <>
          <ProductionCard project={project} live={live.data} newest={newest} />
          {project?.live != null && <LastHour project={name} />}
          <SlotsCard project={name} />
        </>
      )}
      <Card
        title="Latest deployments"
        isFlush
        actions={
          <Button size="small" asChild>
            <Link to="/projects/$project/deployments" params={{ project: name }}>
              All deployments
            </Link>
          </Button>
        }
      >
        {recent.isError && <ProblemPanel what="The deployments could not be read" error={recent.error} onRetry={() => void recent.refetch()} className="m-4" />}
        {deployments !== undefined && (
          <ul aria-label="Latest deployments" onKeyDown={onRowKey}>
            {deployments.map((deployment) => (
              <DeploymentRow key={deployment.id} deployment={deployment} />
            ))}
          </ul>
        )}
      </Card>
      {live.data?.plan != null && (
        <Card title="How it is deployed" description="What the live deployment was built with, and who decided each value." isFlush>
          <PlanTable plan={live.data.plan} />
        </Card>
      )}
    </>
  );
}
