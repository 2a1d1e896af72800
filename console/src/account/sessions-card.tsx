import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { LogOut, Monitor } from "lucide-react";
import { answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import { signOut } from "@/access/sign-out";
import type { Schemas } from "@/api/client";
import { sessionsQuery } from "@/teams/queries";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { browserOf } from "./browser-of";

/** Where one is signed in. */
export function SessionsCard() {
  const query = useQuery(sessionsQuery());
  const everywhere = useMutation({ mutationFn: () => signOut(true) });
  return (
    <Card
      title="Sessions"
      description="A session ends by itself when it is not used."
      isFlush
      footer={
        <>
          <Button onClick={() => everywhere.mutate()} isBusy={everywhere.isPending}>
            Sign out everywhere
          </Button>
          <Button onClick={() => void signOut()}>
            <LogOut aria-hidden /> Sign out
          </Button>
        </>
      }
    >
      {everywhere.isError && <ProblemPanel what="The other sessions may still be open" error={everywhere.error} className="m-4" />}
      {query.isError && <ProblemPanel what="The sessions could not be read" error={query.error} onRetry={() => void query.refetch()} className="m-4" />}
      {query.isPending && <SkeletonRows count={2} />}
      <ul aria-label="Sessions">
        {query.data?.map((it) => (
          <Row key={it.id} session={it} />
        ))}
      </ul>
    </Card>
  );
}

function Row({ session: { id, current, ip, user_agent, last_used_at, created_at } }: { session: Schemas["Session"] }) {
  const client = useQueryClient();
  const end = useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/sessions/{session}", { params: { path: { session: id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.sessions() }),
  });
  const where = browserOf(user_agent);
  return (
    <li className="border-b border-line px-4 py-2.5 last:border-0">
      <div className="flex items-center gap-3">
        <Monitor aria-hidden className="size-4 shrink-0 text-muted" />
        <div className="min-w-0 flex-1">
          <p className="truncate text-sm" title={user_agent ?? undefined}>
            {where} {current && <span className="rounded-full bg-good-wash px-1.5 py-0.5 text-2xs font-medium text-good">this one</span>}
          </p>
          <p className="truncate text-xs text-muted">
            {ip ?? "from an unknown address"} · used <TimeAgo at={last_used_at} /> · begun <TimeAgo at={created_at} />
          </p>
        </div>
        {!current && (
          <Button size="small" isBusy={end.isPending} onClick={() => end.mutate()} aria-label={`End the session of ${where}`}>
            End
          </Button>
        )}
      </div>
      {end.isError && <ProblemPanel what="It was not ended" error={end.error} className="mt-2" />}
    </li>
  );
}
