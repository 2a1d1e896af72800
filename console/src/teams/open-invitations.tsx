import { useQuery } from "@tanstack/react-query";
import { RotateCw, X } from "lucide-react";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { ProblemPanel } from "@/ui/problem-panel";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { InvitationLink } from "./invitation-link";
import { useInviteAgain, useWithdraw } from "./mutations";
import { type Invitation, ROLES, teamInvitationsQuery } from "./queries";

/** Who was invited and has not answered. */
export function OpenInvitations({ team }: { team: string }) {
  const query = useQuery(teamInvitationsQuery(team));
  if (query.isError) return <ProblemPanel what="The invitations could not be read" error={query.error} onRetry={() => void query.refetch()} />;
  if (query.data === undefined || query.data.length === 0) return null;
  return (
    <Card title="Invited" isFlush>
      <ul aria-label="Open invitations">
        {query.data.map((invitation) => (
          <Row key={invitation.id} team={team} invitation={invitation} />
        ))}
      </ul>
    </Card>
  );
}

function Row({ team, invitation: { id, email, role, expires_at, expired, invited_by } }: { team: string; invitation: Invitation }) {
  const again = useInviteAgain(team, id);
  const withdraw = useWithdraw(team, id);
  return (
    <li className="border-b border-line px-4 py-2.5 last:border-0">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <div className="min-w-0 flex-1 basis-48">
          <p className="truncate text-sm font-medium">{email}</p>
          <p className="text-xs text-muted">
            {ROLES[role].label}, by {invited_by} · {expired ? <span className="text-warn">has expired</span> : <>good until <TimeAgo at={expires_at} /></>}
          </p>
        </div>
        <span className="flex items-center gap-1">
          <Button size="small" isBusy={again.isPending} onClick={() => again.mutate(undefined, { onSuccess: ({ link }) => link === null && toast(`Another letter is on its way to ${email}.`) })}>
            <RotateCw aria-hidden /> Invite again
          </Button>
          <Button size="icon" kind="quiet" aria-label={`Withdraw the invitation of ${email}`} title="Withdraw" onClick={() => withdraw.mutate(undefined, { onSuccess: () => toast(`The invitation of ${email} is withdrawn.`) })}>
            <X aria-hidden />
          </Button>
        </span>
      </div>
      {again.data?.link != null && <InvitationLink email={email} link={again.data.link} className="mt-3" />}
      {again.isError && <ProblemPanel what="It was not sent again" error={again.error} className="mt-2" />}
      {withdraw.isError && <ProblemPanel what="It was not withdrawn" error={withdraw.error} className="mt-2" />}
    </li>
  );
}
