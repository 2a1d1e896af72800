import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { asProblem } from "@/api/problem";
import { type Deployment, type Slot, slotsQuery } from "@/api/queries";
import { command } from "@/lib/shell";
import { Choices } from "@/pipelines/choices";
import { pipelineOf } from "@/pipelines/model";
import { pipelineQuery } from "@/pipelines/queries";
import { Button } from "@/ui/button";
import { Command } from "@/ui/copy";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { useClone } from "./mutations";
import { SLOT, SLOT_RULE, nextName } from "./names";

/** Another copy beside it, with other tags if one likes. */
export function CloneDialog({ project, slot, deployment, onClose }: { project: string; slot: Slot; deployment: Deployment | undefined; onClose: () => void }) {
  const taken = useQuery(slotsQuery(project)).data?.map((it) => it.name) ?? [];
  const [name, setName] = useState(() => nextName(slot.name, taken));
  const [chosen, setChosen] = useState({ tags: deployment?.tags ?? {}, parameters: deployment?.parameters ?? {} });
  const saved = useQuery({ ...pipelineQuery(project), enabled: (deployment?.pipeline_version ?? 0) > 0 }).data;
  const clone = useClone(project, slot.name);
  const problem = clone.isError ? asProblem(clone.error) : null;
  const fault = !SLOT.test(name) ? SLOT_RULE : taken.includes(name) ? "There is a slot of that name." : problem?.fields.find(({ pointer }) => pointer === "/slot")?.detail;
  const words = ["slots", "clone", slot.name, name, "--project", project];
  for (const [service, tag] of Object.entries(chosen.tags)) words.push("--tag", `${service}=${tag}`);
  return (
    <Dialog isOpen onClose={onClose} title={`Clone ${slot.name}`} description="The same choices in a slot of its own, by the latest version of the pipeline. Its volumes begin empty." width="medium">
      <form
        className="contents"
        onSubmit={(event) => {
          event.preventDefault();
          if (!SLOT.test(name) || taken.includes(name)) return;
          clone.mutate(
            { slot: name, ...chosen },
            {
              onSuccess: () => {
                onClose();
                toast(`${name} is on its way.`);
              },
            },
          );
        }}
      >
        <DialogBody className="flex flex-col gap-4">
          <Field label="Name of the copy" error={fault}>
            {(attributes) => <Input {...attributes} value={name} onChange={({ target }) => setName(target.value)} className="code" autoComplete="off" autoCapitalize="off" spellCheck={false} autoFocus />}
          </Field>
          {saved != null && <Choices project={project} pipeline={pipelineOf(saved.pipeline)} chosen={chosen} onChange={setChosen} error={problem} />}
          <Command text={command(...words)} />
          {clone.isError && <ProblemPanel what="It was not cloned" error={clone.error} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" isBusy={clone.isPending}>
            Clone
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}
