import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { CircleCheck, LoaderCircle } from "lucide-react";
import { useForm, useWatch } from "react-hook-form";
import * as z from "zod/mini";
import { answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import { type Node, nodeQuery } from "@/api/queries";
import { command } from "@/lib/shell";
import { Button } from "@/ui/button";
import { Command } from "@/ui/copy";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { NodeStatus } from "./node-status";
import { TokenShown } from "./token-shown";

const schema = z.object({
  name: z.string().check(z.regex(/^[a-z0-9-]{1,63}$/, "Small letters, digits and hyphens.")),
  address: z.string().check(z.regex(/^$|^\S+:\d{1,5}$/, "A host and a port, as in 10.0.0.7:8410.")),
});

type Values = z.infer<typeof schema>;

export function AddNodeDialog({ environment, onClose }: { environment: string; onClose: () => void }) {
  const client = useQueryClient();
  const { register, handleSubmit, control, formState } = useForm<Values>({
    resolver: zodResolver(schema),
    defaultValues: { name: "", address: "" },
  });
  const { name = "", address = "" } = useWatch({ control });
  const add = useMutation({
    mutationFn: (values: Values) =>
      answer(
        api.POST("/api/v1/environments/{environment}/nodes", {
          params: { path: { environment } },
          body: { name: values.name, address: values.address || null },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.nodes() }),
  });
  if (add.data !== undefined) return <Added added={add.data} onClose={onClose} />;
  return (
    <Dialog isOpen onClose={onClose} title={`Add a node to ${environment}`} description="Another machine with a container engine, on which deployments run.">
      <form className="contents" noValidate onSubmit={(event) => void handleSubmit((values) => add.mutate(values))(event)}>
        <DialogBody className="flex flex-col gap-4">
          <Field label="Name" error={formState.errors.name?.message}>
            {(attributes) => <Input {...attributes} {...register("name")} className="code" placeholder="berlin-2" autoComplete="off" autoCapitalize="off" spellCheck={false} autoFocus />}
          </Field>
          <Field
            label="Address of its agent"
            error={formState.errors.address?.message}
            hint="Where this server reaches it. Empty: the machine is behind a firewall, and its agent dials this server."
          >
            {(attributes) => <Input {...attributes} {...register("address")} className="code" placeholder="10.0.0.7:8410" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
          </Field>
          <Command text={command("nodes", "add", name || "berlin-2", ...(address === "" ? [] : [address]))} />
          {add.isError && <ProblemPanel what="The node was not added" error={add.error} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" isBusy={add.isPending}>
            Add
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}

/** The token, and how the first connection goes while one looks. */
function Added({ added, onClose }: { added: Node; onClose: () => void }) {
  const navigate = useNavigate();
  const node = useQuery({ ...nodeQuery(added.id), refetchInterval: 2_000 }).data ?? added;
  const isOnline = node.status === "online";
  return (
    <Dialog isOpen onClose={onClose} width="medium" title={`${added.name} is added`}>
      <DialogBody className="flex flex-col gap-4">
        {added.token !== null && <TokenShown node={added} token={added.token} />}
        <div role="status" className="flex items-start gap-2.5 rounded-lg border border-line px-3 py-2.5 text-sm">
          {isOnline ? (
            <CircleCheck aria-hidden className="mt-0.5 size-4 shrink-0 text-good" />
          ) : (
            <LoaderCircle aria-hidden className="mt-0.5 size-4 shrink-0 animate-spin text-muted" />
          )}
          <span className="min-w-0 flex-1">
            {isOnline
              ? "It is connected and gets deployments."
              : (node.problem?.detail ?? (node.address === null ? "Waiting for its agent to call." : `Calling ${node.address}.`))}
          </span>
          <NodeStatus node={node} />
        </div>
      </DialogBody>
      <DialogFooter>
        <Button onClick={onClose}>Close</Button>
        <Button
          kind="primary"
          onClick={() => {
            onClose();
            void navigate({ to: "/nodes/$node", params: { node: added.name } });
          }}
        >
          To the node
        </Button>
      </DialogFooter>
    </Dialog>
  );
}
