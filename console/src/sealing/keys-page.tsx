import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { RotateCw } from "lucide-react";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import { meQuery } from "@/api/queries";
import { command } from "@/lib/shell";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { CopyId } from "@/ui/copy";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { sealingQuery, whereItIs } from "./queries";

/** What secrets are sealed with, by name: for administrators. */
export function KeysPage() {
  useTitle("Keys");
  const me = useQuery(meQuery()).data;
  if (me === undefined) return <Skeleton className="m-8 h-40 rounded-xl" />;
  return (
    <Page title="Keys" description="What secrets are sealed with: variables, tokens, private keys. Nothing here opens anything." width="text">
      {me.role === "admin" ? (
        <Sealing />
      ) : (
        <Card title="For administrators">
          <p className="text-sm text-muted">Only they see and exchange these.</p>
        </Card>
      )}
    </Page>
  );
}

function Sealing() {
  const query = useQuery(sealingQuery());
  const [isAsked, setIsAsked] = useState(false);
  const sealing = query.data;
  if (query.isError) return <ProblemPanel what="The keys could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />;
  if (sealing === undefined) return <Skeleton className="h-64 rounded-xl" />;
  const newest = sealing.data_keys.at(-1)?.id;
  return (
    <>
      <Card
        title="The master key"
        description="It wraps the others, and is not in the database: a copy of the database alone opens nothing."
        actions={
          <Button size="small" onClick={() => setIsAsked(true)}>
            <RotateCw aria-hidden /> Exchange it
          </Button>
        }
      >
        <p className="text-sm">
          <CopyId id={sealing.master} what="name of the master key" />
          <span className="block text-xs text-muted">{whereItIs(sealing.master)}</span>
        </p>
      </Card>
      <Card title="Keys of data" description="In the database, wrapped by the master key. The newest seals what is stored from now on; the others open what is there." isFlush>
        <ul aria-label="Keys of data">
          {sealing.data_keys.toReversed().map(({ id, created_at }) => (
            <li key={id} className="flex min-h-11 items-center gap-3 border-b border-line px-4 py-2 text-sm last:border-0">
              <span className="tabular min-w-0 flex-1">
                Key {id} {id === newest && <span className="text-xs text-muted">seals what is stored now</span>}
              </span>
              <span className="text-xs text-muted">
                made <TimeAgo at={created_at} />
              </span>
            </li>
          ))}
        </ul>
      </Card>
      {isAsked && <Exchange master={sealing.master} onClose={() => setIsAsked(false)} />}
    </>
  );
}

function Exchange({ master, onClose }: { master: string; onClose: () => void }) {
  const client = useQueryClient();
  const rotate = useMutation({
    mutationFn: () => answer(api.POST("/api/v1/keys/rotate")),
    onSuccess: (sealing) => client.setQueryData(keys.sealing(), sealing),
  });
  const exchange = () =>
    rotate.mutate(undefined, {
      onSuccess: () => {
        onClose();
        toast("The master key is exchanged.");
      },
    });
  return (
    <Confirm isOpen onClose={onClose} title="Exchange the master key?" action="Exchange it" command={command("keys", "rotate")} isBusy={rotate.isPending} error={rotate.error} onConfirm={exchange}>
      <p>
        Every key of data is wrapped by the one that follows <code className="code break-all">{master}</code>, and a new one seals what is stored from now on. Nothing is stopped for it.
      </p>
      <p>What was backed up before is opened with the key of then: keep that one with the backup, and nowhere else.</p>
    </Confirm>
  );
}
