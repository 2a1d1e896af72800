import { useQuery } from "@tanstack/react-query";
import { LayoutTemplate, Trash2 } from "lucide-react";
import { useState } from "react";
import type { Schemas } from "@/api/client";
import { edgesOf, pipelineOf } from "@/pipelines/model";
import { useDeleteTemplate } from "@/pipelines/mutations";
import { templatesQuery } from "@/pipelines/queries";
import { StepIcon } from "@/pipelines/step-icon";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Empty } from "@/ui/empty";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { UseTemplateDialog } from "./use-template-dialog";

type Template = Schemas["Template"];

export function TemplatesPage() {
  useTitle("Templates");
  const query = useQuery(templatesQuery());
  const [asked, setAsked] = useState<{ kind: "use" | "remove"; template: Template } | null>(null);
  return (
    <Page title="Templates" description="Pipelines to begin with.">
      {query.isError && <ProblemPanel what="The templates could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />}
      {query.isPending && (
        <Card isFlush>
          <SkeletonRows count={3} />
        </Card>
      )}
      {query.data?.length === 0 && (
        <Card isFlush>
          <Empty icon={<LayoutTemplate />} title="No templates yet">
            Open the pipeline of a project and choose “Keep as a template”: other projects can then begin with it.
          </Empty>
        </Card>
      )}
      <ul aria-label="Templates" className="grid grid-cols-[minmax(0,1fr)] gap-4 md:grid-cols-2">
        {query.data?.map((template) => {
          const { name, description, pipeline, created_by, created_at } = template;
          const read = pipelineOf(pipeline);
          const steps = Object.entries(read.steps);
          return (
            <li key={name} className="flex flex-col gap-3 rounded-xl border border-line bg-surface p-4">
              <div>
                <h2 className="font-semibold">{name}</h2>
                <p className="text-sm text-muted">{description ?? `${steps.length} steps, ${edgesOf(read).length} dependencies`}</p>
              </div>
              <ul className="flex flex-wrap gap-1.5">
                {steps.map(([step, { kind }]) => (
                  <li key={step} className="flex items-center gap-1.5 rounded-md border border-line py-0.5 pr-2 pl-0.5 text-xs">
                    <StepIcon kind={kind} /> {step}
                  </li>
                ))}
              </ul>
              <div className="mt-auto flex items-center gap-2">
                <p className="min-w-0 flex-1 truncate text-xs text-muted">
                  <TimeAgo at={created_at} /> by {created_by}
                </p>
                <Button size="icon" kind="quiet" aria-label={`Delete ${name}`} title="Delete" onClick={() => setAsked({ kind: "remove", template })}>
                  <Trash2 aria-hidden />
                </Button>
                <Button onClick={() => setAsked({ kind: "use", template })}>New project with it</Button>
              </div>
            </li>
          );
        })}
      </ul>
      {asked?.kind === "use" && <UseTemplateDialog name={asked.template.name} pipeline={asked.template.pipeline} onClose={() => setAsked(null)} />}
      {asked?.kind === "remove" && <Remove name={asked.template.name} onClose={() => setAsked(null)} />}
    </Page>
  );
}

function Remove({ name, onClose }: { name: string; onClose: () => void }) {
  const remove = useDeleteTemplate(name);
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`Delete the template ${name}?`}
      action="Delete"
      isDangerous
      isBusy={remove.isPending}
      error={remove.error}
      onConfirm={() =>
        remove.mutate(undefined, {
          onSuccess: () => {
            onClose();
            toast(`The template ${name} is deleted.`);
          },
        })
      }
    >
      <p>Projects that began with it keep their pipelines.</p>
    </Confirm>
  );
}
