import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { asProblem } from "@/api/problem";
import { environmentsQuery } from "@/api/queries";
import { Button } from "@/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Select } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { Choices, NOTHING_CHOSEN } from "./choices";
import { DryRunResult } from "./dry-run-result";
import { pipelineOf } from "./model";
import { useDryRun } from "./mutations";
import { pipelineVersionQuery } from "./queries";

/** Asks whether the saved version could be deployed now. Nothing is deployed. */
export function DryRunDialog({ project, version, isDirty, onClose }: { project: string; version: number; isDirty: boolean; onClose: () => void }) {
  const [chosen, setChosen] = useState(NOTHING_CHOSEN);
  const [environment, setEnvironment] = useState("");
  const environments = useQuery(environmentsQuery()).data ?? [];
  const saved = useQuery(pipelineVersionQuery(project, version)).data;
  const dry = useDryRun(project);
  return (
    <Dialog isOpen onClose={onClose} title={`Dry run of version ${version}`} description="Whether its images are there, its inputs fit, its secrets are set, and a node has room. Nothing is deployed." width="medium">
      <DialogBody className="flex flex-col gap-4">
        {isDirty && <p className="rounded-md bg-warn-wash px-3 py-2 text-sm">The version that is saved is tried, without what you changed since.</p>}
        {environments.length > 1 && (
          <Field label="Environment">
            {(attributes) => (
              <Select {...attributes} value={environment} onChange={({ target }) => setEnvironment(target.value)}>
                {environments.map(({ name }) => (
                  <option key={name}>{name}</option>
                ))}
              </Select>
            )}
          </Field>
        )}
        {saved !== undefined && <Choices project={project} pipeline={pipelineOf(saved.pipeline)} chosen={chosen} onChange={setChosen} error={dry.isError ? asProblem(dry.error) : null} />}
        {dry.isError && <ProblemPanel what="It could not be tried" error={dry.error} />}
        {dry.data !== undefined && <DryRunResult result={dry.data} />}
      </DialogBody>
      <DialogFooter>
        <Button onClick={onClose}>Close</Button>
        <Button kind="primary" isBusy={dry.isPending} onClick={() => dry.mutate({ version, environment: environment || null, ...chosen })}>
          {dry.data === undefined ? "Try" : "Try again"}
        </Button>
      </DialogFooter>
    </Dialog>
  );
}
