import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Layers, Workflow } from "lucide-react";
import { useState } from "react";
import { type Project, slotsQuery } from "@/api/queries";
import { command } from "@/lib/shell";
import type { Saved } from "@/pipelines/queries";
import { NewSlotDialog } from "@/slots/new-slot-dialog";
import { SlotCard } from "@/slots/slot-card";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { SkeletonRows } from "@/ui/skeleton";

/** The copies of a project that is a pipeline; before the first, what is missing to one. */
export function PipelineOverview({ project, saved }: { project: Project; saved: Saved | null }) {
  const { name } = project;
  const slots = useQuery(slotsQuery(name)).data;
  const [isAdding, setIsAdding] = useState(false);
  if (saved === null) {
    return (
      <Card isFlush>
        <Empty
          icon={<Workflow />}
          title="What belongs to it?"
          command={command("pipelines", "apply", "pipeline.yaml", "--project", name)}
          action={
            <Button kind="primary" asChild>
              <Link to="/projects/$project/pipeline" params={{ project: name }}>
                Draw the pipeline
              </Link>
            </Button>
          }
        >
          A project is stood up from a repository, said in the settings, or from a pipeline of services, builds and plugins.
        </Empty>
      </Card>
    );
  }
  if (slots === undefined) {
    return (
      <Card isFlush>
        <SkeletonRows count={3} className="h-24" />
      </Card>
    );
  }
  return (
    <>
      {slots.length === 0 && (
        <Card isFlush>
          <Empty icon={<Layers />} title="No copy is standing" action={<Button kind="primary" onClick={() => setIsAdding(true)}>Stand up a copy</Button>} command={command("deploy", "--project", name, "--slot", "qa-1")}>
            Version {saved.version} of the pipeline is ready. Each copy has its own addresses and its own data.
          </Empty>
        </Card>
      )}
      <ul aria-label="Slots" className="grid grid-cols-[minmax(0,1fr)] items-stretch gap-4 xl:grid-cols-2">
        {slots.map((slot) => (
          <SlotCard key={slot.name} project={name} slot={slot} isEnvironmentShown={false} />
        ))}
      </ul>
      {isAdding && <NewSlotDialog project={name} onClose={() => setIsAdding(false)} />}
    </>
  );
}
