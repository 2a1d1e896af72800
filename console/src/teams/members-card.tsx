import { useQuery } from "@tanstack/react-query";
import { UserMinus } from "lucide-react";
import { useState } from "react";
import { useAsked } from "@/lib/use-asked";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Select } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { useRemoveMember, useSetRole } from "./mutations";
import { type Member, ROLES, type Role, membersQuery } from "./queries";

export function MembersCard({ team, canManage, me }: { team: string; canManage: boolean; me: string | undefined }) {
  const query = useQuery(membersQuery(team));
  return (
    <Card title="Members" isFlush>
      {query.isError && <ProblemPanel what="The members could not be read" error={query.error} onRetry={() => void query.refetch()} className="m-4" />}
      {query.isPending && <SkeletonRows count={2} />}
      <ul aria-label="Members">
        {query.data?.map((member) => (
          <MemberRow key={member.id} team={team} member={member} canManage={canManage} isMe={member.email === me} />
        ))}
      </ul>
    </Card>
  );
}

function MemberRow({ team, member, canManage, isMe }: { team: string; member: Member; canManage: boolean; isMe: boolean }) {
  const { email, name, role, created_at } = member;
  const [isAsked, setIsAsked] = useState(false);
  const setRole = useSetRole(team, email);
  const [shown, ask, isAsking] = useAsked(role, (asked, done) => setRole.mutate(asked, { onSettled: done }));
  const remove = useRemoveMember(team, email);
  return (
    <li className="border-b border-line px-4 py-2.5 last:border-0">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <div className="min-w-0 flex-1 basis-48">
          <p className="truncate text-sm font-medium">
            {name} {isMe && <span className="font-normal text-muted">(you)</span>}
          </p>
          <p className="truncate text-xs text-muted">
            {email} · since <TimeAgo at={created_at} />
          </p>
        </div>
        {canManage ? (
          <Select aria-label={`Role of ${email}`} value={shown} disabled={isAsking} onChange={({ target }) => ask(target.value as Role)} className="w-32!">
            {Object.entries(ROLES).map(([value, { label, may }]) => (
              <option key={value} value={value} title={may}>
                {label}
              </option>
            ))}
          </Select>
        ) : (
          <span className="text-xs text-muted">{ROLES[role].label}</span>
        )}
        {canManage && !isMe && (
          <Button size="icon" kind="quiet" aria-label={`Remove ${email}`} title="Remove" onClick={() => setIsAsked(true)}>
            <UserMinus aria-hidden />
          </Button>
        )}
      </div>
      {setRole.isError && <ProblemPanel what="The role was not changed" error={setRole.error} className="mt-2" />}
      <Confirm
        isOpen={isAsked}
        onClose={() => setIsAsked(false)}
        title={`Remove ${email} from ${team}?`}
        action="Remove"
        isDangerous
        isBusy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate(undefined, { onSuccess: () => toast(`${email} is not in ${team} any more.`) })}
      >
        <p>They see the team's projects no more, from this moment on.</p>
      </Confirm>
    </li>
  );
}
