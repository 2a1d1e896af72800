import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { InvitationLink } from "@/teams/invitation-link";
import { Button } from "@/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";

export function InviteUserDialog({ onClose }: { onClose: () => void }) {
  const [email, setEmail] = useState("");
  const invite = useMutation({
    mutationFn: () => answer(api.POST("/api/v1/users", { body: { email: email.trim() } })),
    onSuccess: ({ link }) => {
      if (link !== null) return;
      onClose();
      toast(`A letter is on its way to ${email.trim()}.`);
    },
  });
  const link = invite.data?.link ?? null;
  return (
    <Dialog isOpen onClose={onClose} title="Invite somebody">
      <form
        className="contents"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          invite.mutate();
        }}
      >
        <DialogBody className="flex flex-col gap-4">
          {link === null ? (
            <>
              <Field label="E-mail" hint="They get an account, and are in no team yet.">
                {(attributes) => <Input {...attributes} type="email" value={email} onChange={({ target }) => setEmail(target.value)} placeholder="grace@example.com" autoComplete="off" spellCheck={false} autoFocus />}
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
