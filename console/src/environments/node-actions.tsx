import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { CirclePause, CirclePlay, Ellipsis, KeyRound, LogOut, ShieldOff, Trash2 } from "lucide-react";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import type { Node } from "@/api/queries";
import { command } from "@/lib/shell";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Menu, MenuItem, MenuSeparator } from "@/ui/menu";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { TokenShown } from "./token-shown";

type Action = "cordon" | "uncordon" | "drain" | "rotate-token" | "revoke-token";
type Asked = "drain" | "rotate-token" | "revoke-token" | "remove" | null;

const SAID: Record<Action, (name: string) => string> = {
  cordon: (name) => `${name} gets no new deployments. What runs there runs on.`,
  uncordon: (name) => `${name} gets new deployments again.`,
  drain: (name) => `${name} is drained: each service ends when it is healthy elsewhere.`,
  "rotate-token": (name) => `${name} has a new token.`,
  "revoke-token": (name) => `${name} is disconnected. What runs there runs on.`,
};

function useNodeAction(node: Node) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (action: Action) => answer(api.POST(`/api/v1/nodes/{node}/${action}`, { params: { path: { node: node.id } } })),
    onSuccess: async (next, action) => {
      toast(SAID[action](node.name));
      // A token must not outlive the dialog that shows it.
      client.setQueryData(keys.node(node.name), { ...next, token: null });
      await client.invalidateQueries({ queryKey: keys.nodes() });
    },
  });
}

export function NodeActions({ node }: { node: Node }) {
  const { name, schedulable, draining, dial, allocated } = node;
  const navigate = useNavigate();
  const client = useQueryClient();
  const [asked, setAsked] = useState<Asked>(null);
  const act = useNodeAction(node);
  const remove = useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/nodes/{node}", { params: { path: { node: node.id } } })),
    onSuccess: async () => {
      toast(`${name} is removed.`);
      await navigate({ to: "/environments" });
      await client.invalidateQueries({ queryKey: keys.nodes() });
    },
  });
  const close = () => {
    setAsked(null);
    act.reset();
  };
  const confirm = (action: Action) => act.mutate(action, { onSuccess: () => action !== "rotate-token" && close() });
  const isLocal = dial === "local";
  const token = act.variables === "rotate-token" ? act.data?.token : null;
  const shared = { onClose: close, isBusy: act.isPending, error: act.error };
  return (
    <>
      {schedulable && !draining ? (
        <Button onClick={() => act.mutate("cordon")} isBusy={act.isPending && act.variables === "cordon"}>
          <CirclePause aria-hidden /> Cordon
        </Button>
      ) : (
        <Button onClick={() => act.mutate("uncordon")} isBusy={act.isPending && act.variables === "uncordon"}>
          <CirclePlay aria-hidden /> Uncordon
        </Button>
      )}
      <Button onClick={() => setAsked("drain")} disabled={draining}>
        <LogOut aria-hidden /> {draining ? "Draining" : "Drain"}
      </Button>
      <Menu
        label="More"
        trigger={
          <Button size="icon" aria-label="More">
            <Ellipsis aria-hidden />
          </Button>
        }
      >
        <MenuItem icon={<KeyRound />} disabled={isLocal} reason="This machine needs no token" onSelect={() => setAsked("rotate-token")}>
          Rotate its token
        </MenuItem>
        <MenuItem icon={<ShieldOff />} disabled={isLocal} reason="This machine needs no token" onSelect={() => setAsked("revoke-token")}>
          Revoke its token
        </MenuItem>
        <MenuSeparator />
        <MenuItem
          icon={<Trash2 />}
          isDangerous
          disabled={isLocal || allocated.deployments > 0}
          reason={isLocal ? "This server runs on it" : `It has ${allocated.deployments} deployments: drain it first`}
          onSelect={() => setAsked("remove")}
        >
          Remove
        </MenuItem>
      </Menu>
      {asked === null && act.isError && (
        <div className="basis-full">
          <ProblemPanel error={act.error} />
        </div>
      )}
      <Confirm {...shared} isOpen={asked === "drain"} title={`Drain ${name}?`} action="Drain" command={command("nodes", "drain", name)} onConfirm={() => confirm("drain")}>
        <p>
          It gets no new deployments, and the {allocated.deployments} it has are started on other nodes. Each ends here when it is
          healthy there, so visitors do not notice. What fits nowhere else stays.
        </p>
      </Confirm>
      {token != null ? (
        <Dialog isOpen onClose={close} width="medium" title={`New token of ${name}`}>
          <DialogBody>
            <TokenShown node={node} token={token} />
          </DialogBody>
          <DialogFooter>
            <Button kind="primary" onClick={close}>
              I have copied it
            </Button>
          </DialogFooter>
        </Dialog>
      ) : (
        <Confirm {...shared} isOpen={asked === "rotate-token"} title={`Give ${name} a new token?`} action="Rotate the token" command={command("nodes", "rotate-token", name)} onConfirm={() => confirm("rotate-token")}>
          <p>The old one is dead at once: its agent is disconnected until it is started with the new one. What runs there runs on.</p>
        </Confirm>
      )}
      <Confirm {...shared} isOpen={asked === "revoke-token"} isDangerous title={`Revoke the token of ${name}?`} action="Revoke the token" command={command("nodes", "revoke-token", name)} onConfirm={() => confirm("revoke-token")}>
        <p>Its agent is disconnected at once and cannot come back until the token is rotated. What runs there runs on, and cannot be changed meanwhile.</p>
      </Confirm>
      <Confirm isOpen={asked === "remove"} onClose={close} isDangerous typed={name} title={`Remove ${name}?`} action="Remove the node" command={command("nodes", "remove", name)} isBusy={remove.isPending} error={remove.error} onConfirm={() => remove.mutate()}>
        <p>This server forgets the machine. Nothing is deployed there any more.</p>
      </Confirm>
    </>
  );
}
