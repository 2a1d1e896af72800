import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { refusalText } from "@/access/refusals";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import { identitiesQuery, signInOptionsQuery } from "@/api/queries";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { ProblemPanel } from "@/ui/problem-panel";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";

/** The accounts elsewhere that one signs in with. Nothing where there are none to be had. */
export function IdentitiesCard() {
  const { problem } = useSearch({ from: "/app/account/profile" });
  const options = useQuery(signInOptionsQuery()).data;
  const query = useQuery(identitiesQuery());
  const link = useMutation({
    mutationFn: (provider: string) => answer(api.POST("/api/v1/me/identities", { body: { provider, return_to: "/console/account/profile" } })),
    onSuccess: ({ url }) => location.assign(url),
  });
  const linked = query.data ?? [];
  const others = (options?.providers ?? []).filter(({ name }) => !linked.some(({ provider }) => provider === name));
  const refusal = refusalText(problem);
  if (linked.length === 0 && others.length === 0 && refusal === null) return null;
  return (
    <Card title="Sign in with" description="Accounts elsewhere that sign you in here." isFlush>
      {refusal !== null && (
        <p role="alert" className="m-4 rounded-md border border-bad/40 bg-bad-wash px-3 py-2 text-sm">
          {refusal}
        </p>
      )}
      {query.isError && <ProblemPanel what="They could not be read" error={query.error} onRetry={() => void query.refetch()} className="m-4" />}
      <ul aria-label="Accounts elsewhere">
        {linked.map((it) => (
          <Row key={it.id} identity={it} />
        ))}
        {others.map(({ name, label }) => (
          <li key={name} className="flex min-h-12 items-center gap-3 border-b border-line px-4 py-2 text-sm last:border-0">
            <span className="flex-1">{label}</span>
            <Button size="small" isBusy={link.isPending && link.variables === name} onClick={() => link.mutate(name)} aria-label={`Link ${label}`}>
              Link
            </Button>
          </li>
        ))}
      </ul>
      {link.isError && <ProblemPanel what="It was not linked" error={link.error} className="m-4" />}
    </Card>
  );
}

function Row({ identity: { id, label, email, last_used_at } }: { identity: Schemas["LinkedIdentity"] }) {
  const client = useQueryClient();
  const unlink = useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/me/identities/{identity}", { params: { path: { identity: id } } })),
    onSuccess: async () => {
      toast(`${label} signs you in no more.`);
      await client.invalidateQueries({ queryKey: keys.identities() });
    },
  });
  return (
    <li className="border-b border-line px-4 py-2 last:border-0">
      <div className="flex min-h-8 items-center gap-3">
        <div className="min-w-0 flex-1">
          <p className="text-sm">{label}</p>
          <p className="truncate text-xs text-muted">
            {email !== null && <>{email} · </>}used <TimeAgo at={last_used_at} />
          </p>
        </div>
        <Button size="small" isBusy={unlink.isPending} onClick={() => unlink.mutate()} aria-label={`Unlink ${label}`}>
          Unlink
        </Button>
      </div>
      {unlink.isError && <ProblemPanel what="It was not unlinked" error={unlink.error} className="mt-2" />}
    </li>
  );
}
