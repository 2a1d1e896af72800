import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { UserPlus } from "lucide-react";
import { useState } from "react";
import { meQuery } from "@/api/queries";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { LoadMore } from "@/ui/load-more";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { InviteUserDialog } from "./invite-user-dialog";
import { MailCard } from "./mail-card";
import { usersQuery } from "./queries";
import { SignUpCard } from "./sign-up-card";
import { UserRow } from "./user-row";

/** Who has an account, and who may have one: for administrators. */
export function UsersPage() {
  useTitle("Users");
  const me = useQuery(meQuery()).data;
  if (me !== undefined && me.role !== "admin") {
    return (
      <Page title="Users" width="text">
        <Card title="For administrators">
          <p className="text-sm text-muted">Who works together with you is on the page of your team.</p>
        </Card>
      </Page>
    );
  }
  return <Users me={me?.email} />;
}

function Users({ me }: { me: string | undefined }) {
  const query = useInfiniteQuery(usersQuery());
  const [isInviting, setIsInviting] = useState(false);
  const users = query.data?.pages.flatMap((page) => page.items);
  const invite = (
    <Button kind="primary" onClick={() => setIsInviting(true)}>
      <UserPlus aria-hidden /> Invite
    </Button>
  );
  return (
    <Page title="Users" description="Everybody who has an account on this installation." actions={invite} width="text">
      <Card isFlush>
        {query.isError && <ProblemPanel what="The accounts could not be read" error={query.error} onRetry={() => void query.refetch()} className="m-4" />}
        {query.isPending && <SkeletonRows count={3} />}
        <ul aria-label="Users">{users?.map((user) => <UserRow key={user.id} user={user} isMe={user.email === me} />)}</ul>
      </Card>
      <LoadMore query={query} />
      <SignUpCard />
      <MailCard />
      {isInviting && <InviteUserDialog onClose={() => setIsInviting(false)} />}
    </Page>
  );
}
