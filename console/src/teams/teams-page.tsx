import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { Plus, Users } from "lucide-react";
import { useState } from "react";
import { asProblem } from "@/api/problem";
import { useRowKeys } from "@/lib/row-keys";
import { useShortcut } from "@/lib/shortcuts";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Empty } from "@/ui/empty";
import { Field, Input } from "@/ui/field";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { MyInvitations } from "./my-invitations";
import { useMakeTeam } from "./mutations";
import { ROLES, teamsQuery } from "./queries";

export function TeamsPage() {
  useTitle("Teams");
  const query = useQuery(teamsQuery());
  const [isMaking, setIsMaking] = useState(false);
  const onRowKey = useRowKeys();
  useShortcut("n", "New team", "This page", () => setIsMaking(true));
  const make = (
    <Button kind="primary" onClick={() => setIsMaking(true)}>
      <Plus aria-hidden /> New team
    </Button>
  );
  const isEmpty = query.data?.length === 0;
  return (
    <Page title="Teams" description="Who works together on projects, and may do what." actions={!isEmpty && make} width="text">
      <MyInvitations />
      {query.isError && <ProblemPanel what="The teams could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />}
      {!query.isError && (
        <Card isFlush>
          {query.isPending && <SkeletonRows count={3} />}
          {isEmpty && (
            <Empty icon={<Users />} title="No teams" action={make} command="pierhead teams create storefront">
              Projects that are yours are yours alone. Give them to a team, or grant a team something on them, and others can work with you.
            </Empty>
          )}
          <ul aria-label="Teams" onKeyDown={onRowKey}>
            {query.data?.map(({ id, name, role, created_at }) => (
              <li key={id} className="relative flex min-h-14 items-center gap-4 border-b border-line px-4 py-2 last:border-0 focus-within:bg-hover/60 hover:bg-hover/60">
                <Link to="/teams/$team" params={{ team: name }} data-row className="min-w-0 flex-1 truncate text-sm font-medium outline-offset-4 after:absolute after:inset-0">
                  {name}
                </Link>
                <span className="text-xs text-muted">{role === null ? "not in it" : ROLES[role].label}</span>
                <TimeAgo at={created_at} className="tabular w-20 text-right text-xs text-muted max-sm:hidden" />
              </li>
            ))}
          </ul>
        </Card>
      )}
      {isMaking && <NewTeamDialog onClose={() => setIsMaking(false)} />}
    </Page>
  );
}

function NewTeamDialog({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const navigate = useNavigate();
  const make = useMakeTeam();
  const fault = make.isError ? asProblem(make.error).fields.find(({ pointer }) => pointer === "/name")?.detail : undefined;
  return (
    <Dialog isOpen onClose={onClose} title="New team" description="You own it, and invite the others.">
      <form
        className="contents"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate(name.trim(), { onSuccess: (team) => void navigate({ to: "/teams/$team", params: { team: team.name } }) });
        }}
      >
        <DialogBody className="flex flex-col gap-4">
          <Field label="Name" hint="Small letters, digits and hyphens." error={fault}>
            {(attributes) => <Input {...attributes} value={name} onChange={({ target }) => setName(target.value)} className="code" placeholder="storefront" autoComplete="off" autoCapitalize="off" spellCheck={false} autoFocus />}
          </Field>
          {make.isError && <ProblemPanel what="The team was not made" error={make.error} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" disabled={name.trim() === ""} isBusy={make.isPending}>
            Make it
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}
