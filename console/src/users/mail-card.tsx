import { useMutation, useQuery } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import { mailQuery } from "@/api/queries";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";

/** Whether letters can be sent, and which were not. */
export function MailCard() {
  const query = useQuery(mailQuery());
  const test = useMutation({
    mutationFn: () => answer(api.POST("/api/v1/settings/mail/test")),
    onSuccess: () => toast("The server has taken a letter to you."),
  });
  const mail = query.data;
  const action = (
    <Button size="small" isBusy={test.isPending} onClick={() => test.mutate()}>
      Send one to me
    </Button>
  );
  return (
    <Card title="Letters" actions={mail?.server == null ? undefined : action}>
      {query.isError && <ProblemPanel what="It could not be read" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <Skeleton className="h-10" />}
      {mail?.server === null && <p className="text-sm text-muted">None are sent: links of invitations are shown to who invites. Set mail.server and mail.from to change that.</p>}
      {typeof mail?.server === "string" && (
        <p className="text-sm">
          From {mail.from} by {mail.server}. {mail.waiting === 0 ? "None waits." : `${mail.waiting} on the way.`} {mail.given_up > 0 && `${mail.given_up} given up.`}
        </p>
      )}
      {test.isError && <ProblemPanel what="It was not taken" error={test.error} className="mt-3" />}
      {mail !== undefined && mail.troubles.length > 0 && (
        <ul aria-label="Letters in trouble" className="mt-3 flex flex-col gap-2 text-sm">
          {mail.troubles.map(({ to, error, tries, created_at, next_at }) => (
            <li key={`${to} ${created_at}`}>
              {to} <span className="text-muted">of <TimeAgo at={created_at} />, {tries === 1 ? "tried once" : `tried ${tries} times`}</span>
              <span className="block text-xs text-muted">
                {error} · {next_at === null ? "given up" : <>again <TimeAgo at={next_at} /></>}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
