import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Ban, CopyPlus, Ellipsis, ListFilter, RotateCcw, ScrollText, Trash2, Undo2 } from "lucide-react";
import { useState } from "react";
import { type Deployment, type Slot, deploymentQuery } from "@/api/queries";
import { useCancel, useRedeploy } from "@/deployments/mutations";
import { RollbackDialog } from "@/deployments/rollback-dialog";
import { SleepNote } from "@/deployments/sleep-note";
import { ConditionChips, StateChip } from "@/deployments/state-chip";
import { isOnItsWay } from "@/deployments/states";
import { chosenIn, isRunOfPipeline } from "@/runs/is-run";
import { RunProgress } from "@/runs/run-progress";
import { Button } from "@/ui/button";
import { Menu, MenuItem, MenuSeparator, menuItemLook } from "@/ui/menu";
import { ProblemPanel } from "@/ui/problem-panel";
import { Prose } from "@/ui/prose";
import { Skeleton } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { Address } from "./address";
import { Countdown } from "./countdown";
import { CloneDialog } from "./clone-dialog";
import { DeleteSlot } from "./delete-slot";
import { ExtendMenu } from "./extend-menu";

/** One copy of the application: where it is, what it runs, how it is doing, how long it stays. */
export function SlotCard({ project, slot, isEnvironmentShown }: { project: string; slot: Slot; isEnvironmentShown: boolean }) {
  const { name, environment, url, live, latest, deleting, expires_at } = slot;
  const [asked, setAsked] = useState<"delete" | "rollback" | "clone" | null>(null);
  const newest = useQuery({ ...deploymentQuery(latest ?? ""), enabled: latest !== null }).data;
  const serving = useQuery({ ...deploymentQuery(live ?? ""), enabled: live !== null }).data;
  const cancel = useCancel(latest ?? "");
  const retry = useRedeploy(latest ?? "");
  const shown = serving ?? newest;
  const isMoving = newest !== undefined && isOnItsWay(newest.state);
  const hasFailed = newest?.state === "FAILED";
  const close = () => setAsked(null);
  return (
    <li aria-label={`Slot ${name}`} className={`flex flex-col rounded-xl border bg-surface ${deleting ? "border-line opacity-70" : hasFailed ? "border-bad/40" : "border-line"}`}>
      <div className="flex flex-wrap items-center gap-x-2.5 gap-y-1 border-b border-line px-4 py-2.5">
        <h2 className="min-w-0 truncate font-semibold">{name}</h2>
        {isEnvironmentShown && <span className="text-xs text-muted">{environment}</span>}
        {newest !== undefined && <StateChip state={newest.state} />}
        {serving !== undefined && <ConditionChips deployment={serving} />}
        <span className="ml-auto flex items-center gap-2">{deleting ? <span className="text-xs text-muted">Being deleted</span> : <Countdown at={expires_at} />}</span>
      </div>
      <div className="flex flex-1 flex-col gap-3 px-4 py-3">
        {newest === undefined && latest !== null && <Skeleton className="h-16" />}
        {newest !== undefined && (isMoving || hasFailed) && (
          <div className="flex flex-col gap-1.5">
            <RunProgress deployment={newest} />
            {newest.failure !== null && (
              <p className="text-sm text-bad">
                <Prose text={newest.failure.detail} />
                {live !== null && <span className="text-muted"> What was live stays live.</span>}
              </p>
            )}
          </div>
        )}
        {serving !== undefined && <SleepNote deployment={serving} />}
        {shown !== undefined && <Running deployment={shown} url={url} />}
        {cancel.isError && <ProblemPanel what="It was not cancelled" error={cancel.error} />}
        {retry.isError && <ProblemPanel what="It was not tried again" error={retry.error} />}
      </div>
      <div className="flex flex-wrap items-center gap-2 border-t border-line bg-sunken/60 px-4 py-2">
        {newest !== undefined && (
          <Link to="/deployments/$id" params={{ id: newest.id }} className="tabular min-w-0 flex-1 basis-24 truncate text-xs text-muted hover:text-ink hover:underline">
            v{newest.number}, <TimeAgo at={newest.created_at} /> by {newest.created_by}
          </Link>
        )}
        {isMoving && (
          <Button size="small" isBusy={cancel.isPending} disabled={newest.cancel_requested} onClick={() => cancel.mutate()}>
            <Ban aria-hidden /> {newest.cancel_requested ? "Cancelling" : "Cancel"}
          </Button>
        )}
        {hasFailed && (
          <Button size="small" isBusy={retry.isPending} disabled={deleting} onClick={() => retry.mutate()}>
            <RotateCcw aria-hidden /> Try again
          </Button>
        )}
        {name !== "production" && !isMoving && <ExtendMenu project={project} slot={slot} />}
        <Button size="small" disabled={deleting} onClick={() => setAsked("clone")}>
          <CopyPlus aria-hidden /> Clone
        </Button>
        <Menu
          label={`Slot ${name}`}
          trigger={
            <Button size="icon" kind="quiet" aria-label={`More about ${name}`}>
              <Ellipsis aria-hidden />
            </Button>
          }
        >
          <MenuItem asChild>
            <Link to="/projects/$project/deployments" params={{ project }} search={{ slot: name }} className={menuItemLook}>
              <ListFilter aria-hidden className="text-muted" /> Its deployments
            </Link>
          </MenuItem>
          <MenuItem asChild>
            <Link to="/projects/$project/logs" params={{ project }} search={{ slot: name }} className={menuItemLook}>
              <ScrollText aria-hidden className="text-muted" /> Its logs
            </Link>
          </MenuItem>
          <MenuItem icon={<RotateCcw />} disabled={newest === undefined || isMoving} reason="It is on its way already" onSelect={() => retry.mutate()}>
            Deploy it again as it is
          </MenuItem>
          <MenuItem icon={<Undo2 />} disabled={live === null} reason="Nothing is live in it" onSelect={() => setAsked("rollback")}>
            Roll back
          </MenuItem>
          <MenuSeparator />
          <MenuItem icon={<Trash2 />} isDangerous disabled={deleting} reason="It is being deleted" onSelect={() => setAsked("delete")}>
            Delete the slot
          </MenuItem>
        </Menu>
      </div>
      {asked === "rollback" && <RollbackDialog project={project} slot={name} live={live} onClose={close} />}
      {asked === "delete" && <DeleteSlot project={project} slot={slot} onClose={close} />}
      {asked === "clone" && <CloneDialog project={project} slot={slot} deployment={shown} onClose={close} />}
    </li>
  );
}

function Running({ deployment, url }: { deployment: Deployment; url: string }) {
  const { project, slot, urls, services, state, commit } = deployment;
  const addresses = isRunOfPipeline(deployment) ? urls : [url];
  const chosen = chosenIn(deployment);
  return (
    <>
      {state === "PRODUCTION" && (
        <ul aria-label="Addresses" className="flex flex-col">
          {addresses.map((address) => (
            <li key={address} className="flex min-w-0">
              <Address url={address} />
            </li>
          ))}
        </ul>
      )}
      {chosen.length > 0 && (
        <ul aria-label="What was chosen" className="flex flex-wrap gap-1.5">
          {chosen.map((it) => (
            <li key={it} className="code rounded-md border border-line bg-sunken px-1.5 py-0.5 text-xs">
              {it}
            </li>
          ))}
        </ul>
      )}
      {commit !== null && <p className="truncate text-xs text-muted">{commit.message.split("\n", 1)[0]}</p>}
      {state === "PRODUCTION" && Object.keys(services).length > 0 && (
        <ul aria-label="Services" className="flex flex-wrap gap-x-4 gap-y-1 text-xs">
          {Object.entries(services).map(([name, { healthy, restarts, last_exit }]) => (
            <li key={name} className="flex items-center gap-1.5" title={last_exit ?? undefined}>
              <span aria-hidden className={`size-2 rounded-full ${healthy ? "bg-good" : "bg-bad"}`} />
              <Link to="/projects/$project/logs" params={{ project }} search={{ slot, step: name }} title={`What ${name} says`} className="inline-flex min-h-6 min-w-6 items-center justify-center hover:underline">
                {name}
              </Link>{" "}
              <span className={healthy ? "text-muted" : "text-bad"}>{healthy ? "healthy" : "not healthy"}</span>
              {restarts > 0 && <span className="text-warn">{restarts} restarts</span>}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
