import { useQuery } from "@tanstack/react-query";
import { Mail } from "lucide-react";
import { Button } from "@/ui/button";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { useAnswerInvitation } from "./mutations";
import { type Invitation, ROLES, myInvitationsQuery } from "./queries";

/** What one was invited to and has not answered yet. */
export function MyInvitations() {
  const open = useQuery(myInvitationsQuery()).data?.filter(({ expired }) => !expired) ?? [];
  return open.map((invitation) => <Asked key={invitation.id} invitation={invitation} />);
}

function Asked({ invitation: { id, team, role, invited_by } }: { invitation: Invitation }) {
  const reply = useAnswerInvitation();
  const send = (accept: boolean) => reply.mutate({ accept, invitation: id }, { onSuccess: () => toast(accept ? `You are in ${team ?? "this installation"}.` : "The invitation is declined.") });
  return (
    <section aria-label={`Invitation into ${team ?? "this installation"}`} className="rounded-xl border border-accent/40 bg-accent-wash px-4 py-3 text-sm">
      <div className="flex flex-wrap items-center gap-3">
        <Mail aria-hidden className="size-4 shrink-0 text-accent" />
        <p className="min-w-0 flex-1 basis-60">
          {invited_by} invites you into <strong className="font-medium">{team ?? "this installation"}</strong> as {ROLES[role].label.toLowerCase()}.
        </p>
        <Button size="small" disabled={reply.isPending} onClick={() => send(false)}>
          Decline
        </Button>
        <Button size="small" kind="primary" isBusy={reply.isPending} onClick={() => send(true)}>
          Accept
        </Button>
      </div>
      {reply.isError && <ProblemPanel what="It was not answered" error={reply.error} className="mt-3" />}
    </section>
  );
}
