import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { keys } from "@/api/keys";
import { projectQuery } from "@/api/queries";
import { useDeploy } from "@/deployments/mutations";
import { repositoryName } from "@/lib/repository";
import { AccessCard } from "@/sources/access-card";
import { ConnectionCard } from "@/sources/connection-card";
import { followingQuery } from "@/sources/queries";
import { Button } from "@/ui/button";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";

/** A repository that not everybody may read: the platform is let in first, then its first deployment finds out how it is built. */
export function LetInStep({ project: name, onDeployed }: { project: string; onDeployed: (id: string) => void }) {
  const client = useQueryClient();
  const query = useQuery(projectQuery(name));
  const deploy = useDeploy(name);
  const project = query.data;
  const connection = useQuery(followingQuery(name)).data?.connection;
  const isConnected = connection?.provider === "github_app" && connection.unused === null;
  if (query.isError) return <ProblemPanel what="The project could not be read" error={query.error} onRetry={() => void query.refetch()} />;
  if (project === undefined) return <Skeleton className="h-64 rounded-xl" />;
  const begin = () =>
    deploy.mutate(
      { no_cache: false },
      {
        onSuccess: (deployment) => {
          client.setQueryData(keys.deployment(deployment.id), deployment);
          onDeployed(deployment.id);
        },
      },
    );
  return (
    <div className="flex flex-col gap-4">
      <p className="text-sm text-muted">
        The project {project.name} is made. {isConnected ? `It is let into ${connection.repository} through the GitHub App: deploy it.` : `${repositoryName(project.source?.repository ?? "")} does not let everybody in: let the platform in, then deploy.`} How it is built is found out then, and can be said in the{" "}
        <Link to="/projects/$project/settings" params={{ project: name }} className="text-accent underline underline-offset-2">
          settings
        </Link>
        .
      </p>
      <ConnectionCard project={name} />
      {!isConnected && <AccessCard project={project} />}
      {deploy.isError && <ProblemPanel what="It was not deployed" error={deploy.error} />}
      <div className="flex justify-end">
        <Button kind="primary" isBusy={deploy.isPending} onClick={begin}>
          Deploy
        </Button>
      </div>
    </div>
  );
}
