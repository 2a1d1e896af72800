import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Ellipsis, ExternalLink, ListFilter, ScrollText, Trash2, Undo2 } from "lucide-react";
import { useState } from "react";
import { type Slot, deploymentQuery, slotsQuery } from "@/api/queries";
import { RollbackDialog } from "@/deployments/rollback-dialog";
import { ConditionChips, StateChip } from "@/deployments/state-chip";
import { DeleteSlot } from "@/slots/delete-slot";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { CopyButton } from "@/ui/copy";
import { Menu, MenuItem, MenuSeparator, menuItemLook } from "@/ui/menu";
import { TimeAgo } from "@/ui/time-ago";

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
        <MenuItem asChild>
          <Link to="/projects/$project/logs" params={{ project }} search={{ slot: name }} className={menuItemLook}>
            <ScrollText aria-hidden className="text-muted" /> Its logs
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
      {asked === "delete" && <DeleteSlot project={project} slot={slot} onClose={() => setAsked(null)} />}
    </li>
  );
}
