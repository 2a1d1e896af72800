import { useNavigate } from "@tanstack/react-router";
import { Ban, Ellipsis, RotateCcw, Trash2, Undo2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import type { Deployment } from "@/api/queries";
import { useShortcut } from "@/lib/shortcuts";
import { command } from "@/lib/shell";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { Menu, MenuItem, MenuSeparator } from "@/ui/menu";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { useCancel, useDeleteDeployment, useRedeploy } from "./mutations";
import { RollbackDialog } from "./rollback-dialog";
import { hasEnded, isOnItsWay } from "./states";

type Asked = "cancel" | "delete" | "rollback" | null;

/** What its state allows. What it does not allow says why, and what would. */
export function DeploymentActions({ deployment, live }: { deployment: Deployment; live: string | null }) {
  const { id, state, project, slot, number, release, cancel_requested } = deployment;
  const navigate = useNavigate();
  const [asked, setAsked] = useState<Asked>(null);
  const cancel = useCancel(id);
  const redeploy = useRedeploy(id);
  const remove = useDeleteDeployment(id);
  const close = () => setAsked(null);
  const isMoving = isOnItsWay(state);
  const canRollBack = state === "INACTIVE" && release !== null;
  const again = () =>
    redeploy.mutate(undefined, {
      onSuccess: (next) => {
        toast(`v${next.number} of ${project} is on its way.`);
        void navigate({ to: "/deployments/$id", params: { id: next.id } });
      },
    });
  useShortcut("c", "Cancel", "This page", () => setAsked("cancel"), isMoving);
  useShortcut("r", "Roll back to this", "This page", () => setAsked("rollback"), canRollBack);
  return (
    <>
      {isMoving && (
        <Button onClick={() => setAsked("cancel")} disabled={cancel_requested}>
          <Ban aria-hidden /> {cancel_requested ? "Cancelling" : "Cancel"}
        </Button>
      )}
      {canRollBack && (
        <Button kind="primary" onClick={() => setAsked("rollback")}>
          <Undo2 aria-hidden /> Roll back to this
        </Button>
      )}
      {!isMoving && (
        <Button onClick={again} isBusy={redeploy.isPending}>
          {!redeploy.isPending && <RotateCcw aria-hidden />} Redeploy
        </Button>
      )}
      <Menu
        label="More"
        trigger={
          <Button size="icon" aria-label="More">
            <Ellipsis aria-hidden />
          </Button>
        }
      >
        <MenuItem disabled={isMoving} reason="It is on its way already" icon={<RotateCcw />} onSelect={again}>
          Redeploy with the same commit and variables
        </MenuItem>
        <MenuItem
          disabled={!canRollBack}
          reason={state === "PRODUCTION" ? "It is live" : "It was never live"}
          icon={<Undo2 />}
          onSelect={() => setAsked("rollback")}
        >
          Roll back to this
        </MenuItem>
        <MenuSeparator />
        <MenuItem
          isDangerous
          disabled={!hasEnded(state)}
          reason={state === "PRODUCTION" ? "It is live: delete the slot, or roll back first" : "Cancel it first"}
          icon={<Trash2 />}
          onSelect={() => setAsked("delete")}
        >
          Delete
        </MenuItem>
      </Menu>
      {redeploy.isError && <Full><ProblemPanel what="It was not deployed again" error={redeploy.error} /></Full>}
      <Confirm
        isOpen={asked === "cancel"}
        onClose={close}
        title={`Cancel v${number} of ${project}?`}
        action="Cancel the deployment"
        command={command("cancel", id)}
        isBusy={cancel.isPending}
        error={cancel.error}
        onConfirm={() => cancel.mutate(undefined, { onSuccess: close })}
      >
        <p>Its build and its containers are stopped at once. What is live stays live.</p>
      </Confirm>
      <Confirm
        isOpen={asked === "delete"}
        onClose={close}
        title={`Delete v${number} of ${project}?`}
        action="Delete"
        isDangerous
        isBusy={remove.isPending}
        error={remove.error}
        onConfirm={() =>
          remove.mutate(undefined, {
            onSuccess: () => {
              toast(`v${number} of ${project} is deleted.`);
              void navigate({ to: "/projects/$project/deployments", params: { project } });
            },
          })
        }
      >
        <p>Its log and its release go with it: it can not be rolled back to any more.</p>
      </Confirm>
      {asked === "rollback" && <RollbackDialog project={project} slot={slot} live={live} target={id} onClose={close} />}
    </>
  );
}

function Full({ children }: { children: ReactNode }) {
  return <div className="basis-full">{children}</div>;
}
