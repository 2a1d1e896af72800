import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Ellipsis, LogOut, Pencil, Plus, Trash2, UserRoundCheck } from "lucide-react";
import { useState } from "react";
import { isNotFound } from "@/api/problem";
import { meQuery } from "@/api/queries";
import { useShortcut } from "@/lib/shortcuts";
import { NotFound } from "@/shell/failures";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { Menu, MenuItem, MenuSeparator } from "@/ui/menu";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { InviteDialog } from "./invite-dialog";
import { MembersCard } from "./members-card";
import { useDeleteTeam, useRemoveMember } from "./mutations";
import { OpenInvitations } from "./open-invitations";
import { ROLES, type Team, teamQuery } from "./queries";
import { RenameTeamDialog, TransferTeamDialog } from "./team-dialogs";

const route = getRouteApi("/app/teams/$team");

export function TeamPage() {
  const { team: name } = route.useParams();
  useTitle(name, "Teams");
  const query = useQuery(teamQuery(name));
  if (isNotFound(query.error)) return <NotFound />;
  if (query.isError) return <Page title={name}><ProblemPanel what="The team could not be read" error={query.error} onRetry={() => void query.refetch()} /></Page>;
  if (query.data === undefined) return <Page title={<Skeleton className="h-6 w-40" />} width="text"><Skeleton className="h-40 rounded-xl" /></Page>;
  return <Shown key={query.data.id} team={query.data} />;
}

function Shown({ team }: { team: Team }) {
  const { name, role } = team;
  const me = useQuery(meQuery()).data;
  const navigate = useNavigate();
  const [asked, setAsked] = useState<"invite" | "rename" | "transfer" | "leave" | "delete" | null>(null);
  const remove = useDeleteTeam(name);
  const leave = useRemoveMember(name, me?.email ?? "");
  const close = () => setAsked(null);
  // An administrator of the installation may do everything, without being in it.
  const isAdministrator = me?.role === "admin";
  const canManage = isAdministrator || role === "owner" || role === "admin";
  const canGiveAway = isAdministrator || role === "owner";
  useShortcut("n", "Invite somebody", "This page", () => setAsked("invite"), canManage);
  const gone = (said: string) => {
    toast(said);
    void navigate({ to: "/teams" });
  };
  return (
    <Page
      title={name}
      description={role === null ? "You are not in it" : `You: ${ROLES[role].label.toLowerCase()}. ${ROLES[role].may}.`}
      width="text"
      actions={
        <>
          {canManage && (
            <Button kind="primary" onClick={() => setAsked("invite")}>
              <Plus aria-hidden /> Invite
            </Button>
          )}
          <Menu
            label={`Team ${name}`}
            trigger={
              <Button size="icon" aria-label={`More about ${name}`}>
                <Ellipsis aria-hidden />
              </Button>
            }
          >
            <MenuItem icon={<Pencil />} disabled={!canManage} reason="For its owner and admins" onSelect={() => setAsked("rename")}>
              Rename
            </MenuItem>
            <MenuItem icon={<UserRoundCheck />} disabled={!canGiveAway} reason="For its owner" onSelect={() => setAsked("transfer")}>
              Give it away
            </MenuItem>
            <MenuSeparator />
            <MenuItem icon={<LogOut />} disabled={role === null} reason="You are not in it" onSelect={() => setAsked("leave")}>
              Leave
            </MenuItem>
            <MenuItem icon={<Trash2 />} isDangerous disabled={!canGiveAway} reason="For its owner" onSelect={() => setAsked("delete")}>
              Delete
            </MenuItem>
          </Menu>
        </>
      }
    >
      <MembersCard team={name} canManage={canManage} me={me?.email} />
      {canManage && <OpenInvitations team={name} />}
      {asked === "invite" && <InviteDialog team={name} onClose={close} />}
      {asked === "rename" && <RenameTeamDialog team={name} onClose={close} />}
      {asked === "transfer" && <TransferTeamDialog team={name} onClose={close} />}
      <Confirm isOpen={asked === "leave"} onClose={close} title={`Leave ${name}?`} action="Leave" isDangerous isBusy={leave.isPending} error={leave.error} onConfirm={() => leave.mutate(undefined, { onSuccess: () => gone(`You have left ${name}.`) })}>
        <p>You see its projects no more, unless somebody grants them to you in another way.</p>
      </Confirm>
      <Confirm isOpen={asked === "delete"} onClose={close} title={`Delete the team ${name}?`} action="Delete the team" isDangerous typed={name} isBusy={remove.isPending} error={remove.error} onConfirm={() => remove.mutate(undefined, { onSuccess: () => gone(`The team ${name} is deleted.`) })}>
        <p>Its projects must belong to somebody else first. What it was granted goes with it.</p>
      </Confirm>
    </Page>
  );
}
