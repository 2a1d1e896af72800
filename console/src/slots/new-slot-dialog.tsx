import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { asProblem } from "@/api/problem";
import { environmentsQuery, nodesQuery, slotsQuery } from "@/api/queries";
import { useDeploy } from "@/deployments/mutations";
import { command } from "@/lib/shell";
import { megabytes } from "@/lib/size";
import { Choices, NOTHING_CHOSEN } from "@/pipelines/choices";
import { DryRunResult } from "@/pipelines/dry-run-result";
import { pipelineOf } from "@/pipelines/model";
import { useDryRun } from "@/pipelines/mutations";
import { pipelineQuery } from "@/pipelines/queries";
import { Button } from "@/ui/button";
import { Command } from "@/ui/copy";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { SLOT, SLOT_RULE, nextName } from "./names";

/** Stands up a copy: where, under which name, with which tags. Asks ahead whether it fits. */
export function NewSlotDialog({ project, onClose }: { project: string; onClose: () => void }) {
  const slots = useQuery(slotsQuery(project)).data ?? [];
  const taken = slots.map(({ name }) => name);
  const environments = useQuery(environmentsQuery()).data ?? [];
  const saved = useQuery(pipelineQuery(project)).data;
  const [name, setName] = useState(() => (taken.includes("qa-1") ? nextName("qa-1", taken) : "qa-1"));
  const [chosenEnvironment, setEnvironment] = useState<string | null>(null);
  const [chosen, setChosen] = useState(NOTHING_CHOSEN);
  const environment = chosenEnvironment ?? environments[0]?.name ?? null;
  const domain = environments.find((it) => it.name === environment)?.base_domain;
  const pipeline = saved == null || saved.generated ? null : pipelineOf(saved.pipeline);
  const dry = useDryRun(project);
  const deploy = useDeploy(project);
  const problem = deploy.isError ? asProblem(deploy.error) : dry.isError ? asProblem(dry.error) : null;
  const existing = slots.find((it) => it.name === name);
  const fault = SLOT.test(name) ? problem?.fields.find(({ pointer }) => pointer === "/slot")?.detail : SLOT_RULE;
  const hosts = pipeline === null || domain === undefined || !SLOT.test(name) ? [] : Object.entries(pipeline.steps).filter(([, step]) => step.public !== undefined || step.kind === "site").map(([step]) => `${step}.${name}.${environment ?? ""}.${domain}`);
  const words = ["deploy", "--project", project, "--slot", name];
  for (const [service, tag] of Object.entries(chosen.tags)) words.push("--tag", `${service}=${tag}`);
  const submit = () =>
    deploy.mutate(
      { slot: name, environment, ...chosen },
      {
        onSuccess: () => {
          onClose();
          toast(`${name} is on its way.`);
        },
      },
    );
  return (
    <Dialog isOpen onClose={onClose} title="Stand up a copy" description="A slot of its own, with its own addresses and its own data." width="medium">
      <form
        className="contents"
        onSubmit={(event) => {
          event.preventDefault();
          if (SLOT.test(name)) submit();
        }}
      >
        <DialogBody className="flex flex-col gap-4">
          {environments.length > 1 && (
            <Field label="Environment">
              {(attributes) => (
                <Select {...attributes} value={environment ?? ""} onChange={({ target }) => setEnvironment(target.value)}>
                  {environments.map((it) => (
                    <option key={it.name}>{it.name}</option>
                  ))}
                </Select>
              )}
            </Field>
          )}
          <Field
            label="Slot"
            error={fault}
            hint={
              <>
                {existing !== undefined && <span className="block text-warn">There is one of that name: it gets a new deployment.</span>}
                {hosts.map((host) => (
                  <code key={host} className="code block">
                    {host}
                  </code>
                ))}
              </>
            }
          >
            {(attributes) => <Input {...attributes} value={name} onChange={({ target }) => setName(target.value)} className="code" autoComplete="off" autoCapitalize="off" spellCheck={false} autoFocus />}
          </Field>
          {pipeline !== null && <Choices project={project} pipeline={pipeline} chosen={chosen} onChange={setChosen} error={problem} />}
          {environment !== null && <Room environment={environment} />}
          {dry.data !== undefined && <DryRunResult result={dry.data} />}
          <Command text={command(...words)} />
          {problem !== null && <ProblemPanel what={deploy.isError ? "It was not deployed" : "It could not be tried"} error={problem} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          {pipeline !== null && (
            <Button isBusy={dry.isPending} onClick={() => dry.mutate({ slot: name, environment, ...chosen })}>
              Would it fit?
            </Button>
          )}
          <Button type="submit" kind="primary" isBusy={deploy.isPending}>
            Deploy
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}

/** What is free where it would go. */
function Room({ environment }: { environment: string }) {
  const nodes = useQuery(nodesQuery(environment)).data;
  if (nodes === undefined) return null;
  const free = nodes.flatMap(({ name, machine, allocated, schedulable }) => (machine === null || !schedulable ? [] : [{ name, memory: Math.max(0, machine.memory_mb - allocated.memory_mb), all: machine.memory_mb }]));
  return (
    <p className="text-xs text-muted">
      {free.length === 0
        ? "No node takes deployments now."
        : free.map(({ name, memory, all }) => `${name}: ${megabytes(memory)} of ${megabytes(all)} not promised`).join(" · ")}
    </p>
  );
}
