import { useMutation } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { CopyButton } from "@/ui/copy";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Select } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { useChangeUser } from "./mutations";
import type { User } from "./queries";

export function UserRow({ user: { email, name, role, disabled, created_at }, isMe }: { user: User; isMe: boolean }) {
  const change = useChangeUser(email);
  const [isAsked, setIsAsked] = useState(false);
  const link = useMutation({ mutationFn: () => answer(api.POST("/api/v1/users/{user}/password-reset", { params: { path: { user: email } } })) });
  return (
    <li className="border-b border-line px-4 py-2.5 last:border-0">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <div className="min-w-0 flex-1 basis-48">
          <p className="truncate text-sm font-medium">
            {name} {isMe && <span className="font-normal text-muted">(you)</span>}
            {disabled && <span className="ml-1 rounded-full bg-bad-wash px-1.5 py-0.5 text-2xs font-medium text-bad">disabled</span>}
          </p>
          <p className="truncate text-xs text-muted">
            {email} · since <TimeAgo at={created_at} />
          </p>
        </div>
        <Select aria-label={`Role of ${email}`} value={role} disabled={change.isPending} onChange={({ target }) => change.mutate({ role: target.value as User["role"] })} className="w-28!">
          <option value="user">User</option>
          <option value="admin">Admin</option>
        </Select>
        <Button size="icon" kind="quiet" aria-label={`A link for ${email} to set another password`} title="Link to set another password" isBusy={link.isPending} onClick={() => link.mutate()}>
          <KeyRound aria-hidden />
        </Button>
        {!isMe && (
          <Button size="small" aria-label={disabled ? `Take ${email} again` : `Disable ${email}`} onClick={() => (disabled ? change.mutate({ disabled: false }) : setIsAsked(true))}>
            {disabled ? "Take again" : "Disable"}
          </Button>
        )}
      </div>
      {change.isError && !isAsked && <ProblemPanel what="Nothing was changed" error={change.error} className="mt-2" />}
      {link.isError && <ProblemPanel what="There is no link" error={link.error} className="mt-2" />}
      <Confirm
        isOpen={isAsked}
        onClose={() => setIsAsked(false)}
        title={`Disable ${email}?`}
        action="Disable"
        isDangerous
        isBusy={change.isPending}
        error={change.error}
        onConfirm={() =>
          change.mutate(
            { disabled: true },
            {
              onSuccess: () => {
                setIsAsked(false);
                toast(`${email} is signed out everywhere, and refused.`);
              },
            },
          )
        }
      >
        <p>They are signed out everywhere at once. What they deployed stays.</p>
      </Confirm>
      <Dialog isOpen={link.isSuccess} onClose={() => link.reset()} title={`For ${email}`}>
        <DialogBody className="flex flex-col gap-3 text-sm">
          <p>Send them this link. It sets another password, once, within a day; you see it only now.</p>
          {typeof link.data?.link === "string" && (
            <span className="flex min-w-0 items-center gap-1 rounded-md border border-line bg-sunken py-0.5 pr-0.5 pl-2.5">
              <code className="code min-w-0 flex-1 py-1 text-xs break-all">{link.data.link}</code>
              <CopyButton text={link.data.link} what="link" />
            </span>
          )}
        </DialogBody>
        <DialogFooter>
          <Button onClick={() => link.reset()}>Done</Button>
        </DialogFooter>
      </Dialog>
    </li>
  );
}
