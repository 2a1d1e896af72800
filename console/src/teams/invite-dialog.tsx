import { useState } from "react";
import { asProblem } from "@/api/problem";
import { Button } from "@/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { InvitationLink } from "./invitation-link";
import { useInvite } from "./mutations";
import { ROLES, type Role } from "./queries";

export function InviteDialog({ team, onClose }: { team: string; onClose: () => void }) {
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("developer");
  const invite = useInvite(team);
  const link = invite.data?.link ?? null;
  const fault = invite.isError ? asProblem(invite.error).fields.find(({ pointer }) => pointer === "/email")?.detail : undefined;
  return (
    <Dialog isOpen onClose={onClose} title={`Invite into ${team}`}>
      <form
        className="contents"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          invite.mutate(
            { email: email.trim(), role },
            {
              onSuccess: (made) => {
                if (made.link !== null) return;
                onClose();
                toast(`A letter is on its way to ${email}.`);
              },
            },
          );
        }}
      >
        <DialogBody className="flex flex-col gap-4">
          {link === null ? (
            <>
              <Field label="E-mail" error={fault}>
                {(attributes) => <Input {...attributes} type="email" value={email} onChange={({ target }) => setEmail(target.value)} placeholder="grace@example.com" autoComplete="off" spellCheck={false} autoFocus />}
              </Field>
              <Field label="As" hint={ROLES[role].may}>
                {(attributes) => (
                  <Select {...attributes} value={role} onChange={({ target }) => setRole(target.value as Role)}>
                    {Object.entries(ROLES).map(([value, { label }]) => (
                      <option key={value} value={value}>
                        {label}
                      </option>
                    ))}
                  </Select>
                )}
              </Field>
              {invite.isError && <ProblemPanel what="Nobody was invited" error={invite.error} />}
            </>
          ) : (
            <InvitationLink email={email} link={link} />
          )}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>{link === null ? "Cancel" : "Done"}</Button>
          {link === null && (
            <Button type="submit" kind="primary" disabled={email.trim() === ""} isBusy={invite.isPending}>
              Invite
            </Button>
          )}
        </DialogFooter>
      </form>
    </Dialog>
  );
}
