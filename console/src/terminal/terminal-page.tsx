import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { FileText, LockKeyhole, TerminalSquare } from "lucide-react";
import { useState } from "react";
import { type Deployment, type Slot, deploymentQuery, projectQuery, slotsQuery } from "@/api/queries";
import { ConditionChips, StateChip } from "@/deployments/state-chip";
import { command } from "@/lib/shell";
import { pipelineOf } from "@/pipelines/model";
import { pipelineVersionQuery } from "@/pipelines/queries";
import { isRunOfPipeline } from "@/runs/is-run";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Field, Select } from "@/ui/field";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { mayRunCommands } from "./access";
import { replicasOf, servicesOf } from "./replicas";
import { ShellPanel } from "./shell-panel";

const route = getRouteApi("/app/projects/$project/terminal");
const HEIGHT = "h-[max(22rem,calc(100dvh-21rem))] max-sm:h-[60dvh]";

/** A shell in what is live: of which slot, which service, which replica. */
export function TerminalPage() {
  const { project } = route.useParams();
  useTitle("Terminal", project);
  const search = route.useSearch();
  const slots = useQuery(slotsQuery(project));
  const shownProject = useQuery(projectQuery(project)).data;
  if (slots.isError) return <ProblemPanel what="The slots could not be read" error={slots.error} onRetry={() => void slots.refetch()} isRetrying={slots.isFetching} />;
  if (slots.data === undefined || shownProject === undefined) return <Skeleton className={`${HEIGHT} rounded-xl`} />;
  if (!mayRunCommands(shownProject)) {
    return (
      <Card isFlush>
        <Empty icon={<LockKeyhole />} title="Not yours to open">
          You may look at this project. To run commands in it you need to be allowed to write: whoever manages the access to it can give you that.
        </Empty>
      </Card>
    );
  }
  const live = slots.data.filter((slot): slot is LiveSlot => slot.live !== null);
  const slot = live.find(({ name }) => name === search.slot) ?? live.find(({ name }) => name === "production") ?? live[0];
  if (slot === undefined) {
    return (
      <Card isFlush>
        <Empty icon={<TerminalSquare />} title="Nothing runs yet" command={command("deploy", "--project", project)}>
          A shell is opened in the container of what is live. Deploy it first.
        </Empty>
      </Card>
    );
  }
  return <InSlot key={slot.live} slots={live} slot={slot} />;
}

type LiveSlot = Slot & { live: string };

function InSlot({ slots, slot }: { slots: LiveSlot[]; slot: LiveSlot }) {
  const { project } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate();
  const query = useQuery(deploymentQuery(slot.live));
  const deployment = query.data;
  const [isOpen, setIsOpen] = useState(false);
  const version = useQuery({ ...pipelineVersionQuery(project, deployment?.pipeline_version ?? 0), enabled: deployment !== undefined && isRunOfPipeline(deployment) });
  const change = (next: typeof search) => void navigate({ to: "/projects/$project/terminal", params: { project }, search: { slot: search.slot, ...next }, replace: true });

  const services = deployment === undefined ? [] : servicesOf(deployment);
  const service = services.find((name) => name === search.service) ?? services[0];
  const replicas = deployment === undefined || service === undefined ? [] : replicasOf(deployment, version.data && pipelineOf(version.data.pipeline), service);
  const replica = replicas.find(({ number }) => number === search.replica);
  const isChosen = services.length > 1;
  return (
    <>
      <div className="flex flex-wrap items-end gap-x-4 gap-y-2">
        {slots.length > 1 && (
          <Field label="Slot" className="w-44">
            {(attributes) => (
              <Select {...attributes} disabled={isOpen} value={slot.name} onChange={({ target }) => change({ slot: target.value === "production" ? undefined : target.value })}>
                {slots.map(({ name }) => (
                  <option key={name}>{name}</option>
                ))}
              </Select>
            )}
          </Field>
        )}
        {isChosen && (
          <Field label="Service" className="w-44">
            {(attributes) => (
              <Select {...attributes} disabled={isOpen} value={service} onChange={({ target }) => change({ service: target.value })}>
                {services.map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </Select>
            )}
          </Field>
        )}
        {replicas.length > 1 && (
          <Field label="Replica" className="w-44">
            {(attributes) => (
              <Select {...attributes} disabled={isOpen} value={replica?.number ?? ""} onChange={({ target }) => change({ service, replica: Number(target.value) || undefined })}>
                <option value="">any that runs</option>
                {replicas.map(({ number, node }) => (
                  <option key={number} value={number}>
                    #{number}
                    {node !== undefined && ` on ${node}`}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        )}
        <p className="flex min-h-8 items-center gap-1.5">
          {deployment !== undefined && (
            <>
              <StateChip state={deployment.state} />
              <ConditionChips deployment={deployment} />
            </>
          )}
        </p>
      </div>
      {query.isError && <ProblemPanel what="The deployment could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />}
      {deployment === undefined ? (
        !query.isError && <Skeleton className={`${HEIGHT} rounded-xl`} />
      ) : service === undefined ? (
        <NoContainer deployment={deployment} />
      ) : (
        <ShellPanel
          // What was printed belongs to the container that printed it.
          key={`${service} ${replica?.number ?? ""}`}
          deployment={deployment.id}
          wanted={{ service, replica: replica?.number, node: replica?.node }}
          name={`${isChosen ? service : project}${replica === undefined ? "" : ` #${replica.number}`}, ${slot.name}`}
          isAsleep={deployment.conditions.asleep}
          onOpen={setIsOpen}
          className={HEIGHT}
        />
      )}
    </>
  );
}

function NoContainer({ deployment: { release_kind, slot } }: { deployment: Deployment }) {
  return (
    <Card isFlush>
      {release_kind === "site" ? (
        <Empty icon={<FileText />} title="A static site has no container">
          Its files are handed out as they were built, and nothing runs. There is nothing that a shell could be opened in.
        </Empty>
      ) : (
        <Empty icon={<TerminalSquare />} title="Nothing runs in it now">
          No service of {slot} has reported a container. This page shows when one does.
        </Empty>
      )}
    </Card>
  );
}
