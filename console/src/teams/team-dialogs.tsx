import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "@/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { useRenameTeam, useTransferTeam } from "./mutations";
import { membersQuery } from "./queries";

export function RenameTeamDialog({ team, onClose }: { team: string; onClose: () => void }) {
  const [name, setName] = useState(team);
  const navigate = useNavigate();
  const rename = useRenameTeam(team);
  return (
    <Dialog isOpen onClose={onClose} title={`Rename ${team}`}>
      <form
        className="contents"
        onSubmit={(event) => {
          event.preventDefault();
          rename.mutate(name.trim(), {
            onSuccess: (renamed) => {
              onClose();
              void navigate({ to: "/teams/$team", params: { team: renamed.name }, replace: true });
            },
          });
        }}
      >
        <DialogBody className="flex flex-col gap-4">
          <Field label="Name">{(attributes) => <Input {...attributes} value={name} onChange={({ target }) => setName(target.value)} className="code" autoComplete="off" autoCapitalize="off" spellCheck={false} autoFocus />}</Field>
          {rename.isError && <ProblemPanel what="It was not renamed" error={rename.error} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" disabled={name.trim() === team} isBusy={rename.isPending}>
            Rename
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}

export function TransferTeamDialog({ team, onClose }: { team: string; onClose: () => void }) {
  const others = (useQuery(membersQuery(team)).data ?? []).filter(({ role }) => role !== "owner");
  const [to, setTo] = useState<string | null>(null);
  const transfer = useTransferTeam(team);
  const chosen = to ?? others[0]?.email ?? null;
  return (
    <Dialog isOpen onClose={onClose} title={`Give ${team} away`} description="The member becomes the owner, and you are an admin then.">
      <form
        className="contents"
        onSubmit={(event) => {
          event.preventDefault();
          if (chosen === null) return;
          transfer.mutate(chosen, {
            onSuccess: () => {
              onClose();
              toast(`${team} belongs to ${chosen}.`);
            },
          });
        }}
      >
        <DialogBody className="flex flex-col gap-4">
          {others.length === 0 ? (
            <p className="text-sm text-muted">Nobody else is in it. Invite the next owner first.</p>
          ) : (
            <Field label="To">
              {(attributes) => (
                <Select {...attributes} value={chosen ?? ""} onChange={({ target }) => setTo(target.value)}>
                  {others.map(({ email }) => (
                    <option key={email}>{email}</option>
                  ))}
                </Select>
              )}
            </Field>
          )}
          {transfer.isError && <ProblemPanel what="It was not given away" error={transfer.error} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" disabled={chosen === null} isBusy={transfer.isPending}>
            Give it away
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}
