import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { type Project, projectQuery, slotsQuery } from "@/api/queries";
import { command } from "@/lib/shell";
import { AccessCard } from "@/sources/access-card";
import { ConnectionCard } from "@/sources/connection-card";
import { FollowingCard } from "@/sources/following-card";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { CopyId } from "@/ui/copy";
import { useTitle } from "@/ui/page";
import { VisitorsCard } from "@/visitors/visitors-card";
import { Skeleton } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { useDeleteProject } from "../mutations";
import { IdleSection, TriggersSection } from "./life-sections";
import { BuildSection, HealthSection, LimitsSection, SourceSection } from "./sections";

const route = getRouteApi("/app/projects/$project/settings");

export function SettingsPage() {
  const { project: name } = route.useParams();
  useTitle("Settings", name);
  const project = useQuery(projectQuery(name)).data;
  if (project === undefined) return <Skeleton className="h-64 rounded-xl" />;
  return (
    <div className="flex max-w-4xl flex-col gap-5">
      <SourceSection project={project} />
      {project.source !== null && (
        <>
          <AccessCard project={project} />
          <ConnectionCard project={name} />
          <TriggersSection project={project} />
          <FollowingCard project={name} />
        </>
      )}
      <BuildSection project={project} />
      <LimitsSection project={project} />
      <HealthSection project={project} />
      <IdleSection project={project} />
      <VisitorsCard project={name} />
      <Danger project={project} />
      <p className="text-xs text-muted">
        Project <CopyId id={project.id} what="project id" /> · made {new Date(project.created_at).toLocaleDateString("en-GB", { dateStyle: "long" })} · change {project.version}
      </p>
    </div>
  );
}

function Danger({ project }: { project: Project }) {
  const { name, deleting } = project;
  const navigate = useNavigate();
  const [isAsked, setIsAsked] = useState(false);
  const slots = useQuery(slotsQuery(name)).data ?? [];
  const remove = useDeleteProject(name);
  return (
    <Card title="Danger" description="What cannot be undone." className="border-bad/35">
      <div className="flex flex-wrap items-center gap-3">
        <p className="min-w-0 flex-1 text-sm">
          Delete the project <span className="block text-xs text-muted">With its deployments, releases, logs and variables. The repository is not touched.</span>
        </p>
        <Button kind="danger" disabled={deleting} onClick={() => setIsAsked(true)}>
          {deleting ? "Being deleted" : "Delete"}
        </Button>
      </div>
      <Confirm
        isOpen={isAsked}
        onClose={() => setIsAsked(false)}
        title={`Delete ${name}?`}
        action="Delete the project"
        isDangerous
        typed={name}
        command={command("projects", "delete", name)}
        isBusy={remove.isPending}
        error={remove.error}
        onConfirm={() =>
          remove.mutate(undefined, {
            onSuccess: () => {
              toast(`${name} is being deleted.`);
              void navigate({ to: "/projects" });
            },
          })
        }
      >
        <p>This stops what is live and deletes every deployment, release, log and variable of it. These addresses answer no more:</p>
        <ul className="list-inside list-disc">
          {(slots.length === 0 ? [project.url] : slots.map(({ url }) => url)).map((url) => (
            <li key={url}>
              <code className="code">{url.replace(/^https?:\/\//, "")}</code>
            </li>
          ))}
        </ul>
      </Confirm>
    </Card>
  );
}
