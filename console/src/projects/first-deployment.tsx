import { Rocket } from "lucide-react";
import { useNavigate } from "@tanstack/react-router";
import type { Project } from "@/api/queries";
import { useDeploy } from "@/deployments/mutations";
import { command } from "@/lib/shell";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { ProblemPanel } from "@/ui/problem-panel";

/** A project that was never deployed. */
export function FirstDeployment({ project }: { project: Project }) {
  const navigate = useNavigate();
  const deploy = useDeploy(project.name);
  const begin = () =>
    deploy.mutate({ no_cache: false }, { onSuccess: ({ id }) => void navigate({ to: "/deployments/$id", params: { id } }) });
  return (
    <>
      {deploy.isError && <ProblemPanel what="It was not deployed" error={deploy.error} />}
      <div className="rounded-xl border border-line bg-surface">
        <Empty
          icon={<Rocket />}
          title="Never deployed"
          command={command("deploy", "--project", project.name)}
          action={
            <Button kind="primary" onClick={begin} isBusy={deploy.isPending}>
              Deploy now
            </Button>
          }
        >
          The first deployment makes {project.url.replace(/^https?:\/\//, "")} live.
          {project.source === null && " It needs a repository, said in the settings, or a pipeline."}
        </Empty>
      </div>
    </>
  );
}
