import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Ellipsis, ExternalLink, ListFilter, Trash2, Undo2 } from "lucide-react";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import { type Slot, deploymentQuery, slotsQuery } from "@/api/queries";
import { RollbackDialog } from "@/deployments/rollback-dialog";
import { ConditionChips, StateChip } from "@/deployments/state-chip";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { CopyButton } from "@/ui/copy";
import { Menu, MenuItem, MenuSeparator, menuItemLook } from "@/ui/menu";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";

/** The other places of a project where something is live. */
export function SlotsCard({ project }: { project: string }) {
  const slots = useQuery(slotsQuery(project)).data ?? [];
  const others = slots.filter(({ name }) => name !== "production");
  if (others.length === 0) return null;
  return (
    <Card title="Other slots" description="Each has its own address and its own history." isFlush>
      <ul aria-label="Other slots">
        {others.map((slot) => (
          <SlotRow key={slot.name} project={project} slot={slot} />
        ))}
      </ul>
    </Card>
  );
}

function SlotRow({ project, slot }: { project: string; slot: Slot }) {
  const { name, url, live, latest, deleting } = slot;
  const [asked, setAsked] = useState<"delete" | "rollback" | null>(null);
  const shown = live ?? latest;
  const deployment = useQuery({ ...deploymentQuery(shown ?? ""), enabled: shown !== null }).data;
  return (
    <li className="flex min-h-14 items-center gap-4 border-b border-line px-4 py-2 last:border-b-0">
      <div className="min-w-0 flex-1">
        <p className="text-sm font-medium">{name}</p>
        <p className="flex items-center gap-1 text-xs text-muted">
          <a href={url} target="_blank" rel="noreferrer" className="truncate hover:text-ink hover:underline">
            {url.replace(/^https?:\/\//, "")}
          </a>
          <CopyButton text={url} what="address" />
        </p>
      </div>
      {deleting && <span className="text-xs text-muted">Being deleted</span>}
      {deployment !== undefined && (
        <Link to="/deployments/$id" params={{ id: deployment.id }} className="flex items-center gap-2 text-xs text-muted hover:text-ink">
          <TimeAgo at={deployment.created_at} className="tabular max-sm:hidden" />
          <StateChip state={deployment.state} />
          <ConditionChips deployment={deployment} />
        </Link>
      )}
      <Menu
        label={`Slot ${name}`}
        trigger={
          <Button size="icon" kind="quiet" aria-label={`More about ${name}`}>
            <Ellipsis aria-hidden />
          </Button>
        }
      >
        <MenuItem asChild>
          <a href={url} target="_blank" rel="noreferrer" className={menuItemLook}>
            <ExternalLink aria-hidden className="text-muted" /> Open
          </a>
        </MenuItem>
        <MenuItem asChild>
          <Link to="/projects/$project/deployments" params={{ project }} search={{ slot: name }} className={menuItemLook}>
            <ListFilter aria-hidden className="text-muted" /> Its deployments
          </Link>
        </MenuItem>
        <MenuItem icon={<Undo2 />} disabled={live === null} reason="Nothing is live in it" onSelect={() => setAsked("rollback")}>
          Roll back
        </MenuItem>
        <MenuSeparator />
        <MenuItem icon={<Trash2 />} isDangerous disabled={deleting} reason="It is being deleted" onSelect={() => setAsked("delete")}>
          Delete the slot
        </MenuItem>
      </Menu>
      {asked === "rollback" && <RollbackDialog project={project} slot={name} live={live} onClose={() => setAsked(null)} />}
      <DeleteSlot project={project} slot={slot} isOpen={asked === "delete"} onClose={() => setAsked(null)} />
    </li>
  );
}

function DeleteSlot({ project, slot, isOpen, onClose }: { project: string; slot: Slot; isOpen: boolean; onClose: () => void }) {
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () =>
      answer(api.DELETE("/api/v1/projects/{project}/slots/{slot}", { params: { path: { project, slot: slot.name } } })),
    onSuccess: async () => {
      onClose();
      toast(`The slot ${slot.name} is being deleted.`);
      await client.invalidateQueries({ queryKey: keys.projects() });
    },
  });
  return (
    <Confirm
      isOpen={isOpen}
      onClose={onClose}
      title={`Delete the slot ${slot.name}?`}
      action="Delete the slot"
      isDangerous
      typed={slot.name}
      isBusy={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
    >
      <p>
        What is live in it is stopped, and <code className="code">{slot.url}</code> answers no more. Production is not touched.
      </p>
    </Confirm>
  );
}
