import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import { type Token, tokensQuery } from "@/api/queries";
import { useShortcut } from "@/lib/shortcuts";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Empty } from "@/ui/empty";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { NewTokenDialog } from "./new-token-dialog";

export function TokensPage() {
  useTitle("API tokens");
  const query = useQuery(tokensQuery());
  const [isMaking, setIsMaking] = useState(false);
  const [revoked, setRevoked] = useState<Token | null>(null);
  useShortcut("n", "New token", "This page", () => setIsMaking(true));
  const make = (
    <Button kind="primary" onClick={() => setIsMaking(true)}>
      <Plus aria-hidden /> New token
    </Button>
  );
  return (
    <Page title="API tokens" description="For the command line, for CI, and for programs." actions={make} width="text">
      {query.isError && <ProblemPanel what="The tokens could not be read" error={query.error} onRetry={() => void query.refetch()} />}
      <Card isFlush>
        {query.isPending && <SkeletonRows count={3} />}
        {query.data?.length === 0 && (
          <Empty icon={<KeyRound />} title="No tokens" command="pierhead tokens create ci">
            A token does what you may do, or less. It is shown once, and can be revoked at any time.
          </Empty>
        )}
        <ul aria-label="API tokens">
          {query.data?.map((token) => (
            <li key={token.id} className="flex min-h-14 items-center gap-4 border-b border-line px-4 py-2 last:border-0">
              <div className="min-w-0 flex-1">
                <p className="text-sm font-medium">{token.name}</p>
                <p className="text-xs text-muted">
                  {token.scopes.join(", ")} · {token.last_used_at === null ? "never used" : <>used <TimeAgo at={token.last_used_at} /></>} ·{" "}
                  {token.expires_at === null ? "does not expire" : <>expires <TimeAgo at={token.expires_at} /></>}
                </p>
              </div>
              <Button size="small" onClick={() => setRevoked(token)} aria-label={`Revoke ${token.name}`}>
                Revoke
              </Button>
            </li>
          ))}
        </ul>
      </Card>
      {isMaking && <NewTokenDialog onClose={() => setIsMaking(false)} />}
      {revoked !== null && <Revoke token={revoked} onClose={() => setRevoked(null)} />}
    </Page>
  );
}

function Revoke({ token, onClose }: { token: Token; onClose: () => void }) {
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/tokens/{token}", { params: { path: { token: token.id } } })),
    onSuccess: async () => {
      onClose();
      toast(`${token.name} is revoked.`);
      await client.invalidateQueries({ queryKey: keys.tokens() });
    },
  });
  return (
    <Confirm isOpen onClose={onClose} title={`Revoke ${token.name}?`} action="Revoke" isDangerous isBusy={revoke.isPending} error={revoke.error} onConfirm={() => revoke.mutate()}>
      <p>Whatever uses it is refused from now on.</p>
    </Confirm>
  );
}
