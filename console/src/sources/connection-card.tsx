import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleAlert, CircleCheck } from "lucide-react";
import { useState } from "react";
import { githubQuery } from "@/github/queries";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { ProblemPanel } from "@/ui/problem-panel";
import { Prose } from "@/ui/prose";
import { Skeleton } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { ConnectForm } from "./connect-form";
import { useConnect, useDisconnect, useMakeWebhook, useRemoveWebhook } from "./mutations";
import { type Following, followingQuery } from "./queries";

type Connection = NonNullable<Following["connection"]>;
const BY: Record<string, string> = { github_app: "Through the GitHub App", github: "With a token, at GitHub", gitlab: "With a token, at GitLab", gitea: "With a token, at Gitea or Forgejo" };

/** The service that has the repository: entered through it, and told there what becomes of each deployment. */
export function ConnectionCard({ project }: { project: string }) {
  const query = useQuery(followingQuery(project));
  const [isAsked, setIsAsked] = useState(false);
  const connection = query.data?.connection;
  return (
    <Card
      title="Connection"
      description="The repository is entered through its service, and the state of each deployment is told there: beside commits, below pull requests."
      actions={
        connection != null && (
          <Button size="small" onClick={() => setIsAsked(true)}>
            Disconnect
          </Button>
        )
      }
    >
      {query.isError && <ProblemPanel what="How it is connected could not be read" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <Skeleton className="h-20" />}
      {connection === null && <NotConnected project={project} />}
      {connection != null && <Connected project={project} connection={connection} />}
      {isAsked && connection != null && <Disconnect project={project} connection={connection} onClose={() => setIsAsked(false)} />}
    </Card>
  );
}

function Connected({ project, connection }: { project: string; connection: Connection }) {
  const { provider, repository, created_at, created_by, unused, problem } = connection;
  return (
    <div className="flex flex-col gap-4 text-sm">
      <p className="flex items-start gap-2">
        <CircleCheck aria-hidden className="mt-0.5 size-4 shrink-0 text-good" />
        <span className="min-w-0">
          {BY[provider] ?? provider}, to <code className="code">{repository}</code>
          <span className="block text-xs text-muted">
            connected <TimeAgo at={created_at} /> by {created_by}
          </span>
        </span>
      </p>
      {unused !== null && <Warning what="It is not used" why={unused} />}
      {problem !== null && <Warning what="Not everything was told there" why={problem} />}
      {provider === "github_app" ? unused !== null && <ThroughApp project={project} /> : <WebhookLine project={project} connection={connection} />}
    </div>
  );
}

function Warning({ what, why }: { what: string; why: string }) {
  return (
    <p className="flex items-start gap-2 rounded-md border border-warn/40 bg-warn-wash px-3 py-2">
      <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
      <span>
        {what}: <Prose text={why} />
      </span>
    </p>
  );
}

function WebhookLine({ project, connection: { webhook } }: { project: string; connection: Connection }) {
  const make = useMakeWebhook(project);
  const remove = useRemoveWebhook(project);
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-3">
        <p className="min-w-0 flex-1 basis-60 text-xs text-muted">{webhook ? "Its webhook was made there, with the project's own secret." : "A webhook can be made there, so that pushes are known at once."}</p>
        {webhook ? (
          <Button size="small" isBusy={remove.isPending} onClick={() => remove.mutate(undefined, { onSuccess: () => toast("The webhook is taken away there.") })}>
            Take the webhook away
          </Button>
        ) : (
          <Button size="small" isBusy={make.isPending} onClick={() => make.mutate(undefined, { onSuccess: () => toast("The webhook is made there.") })}>
            Make the webhook
          </Button>
        )}
      </div>
      {make.isError && <ProblemPanel what="The webhook was not made" error={make.error} />}
      {remove.isError && <ProblemPanel what="The webhook was not taken away" error={remove.error} />}
    </div>
  );
}

function NotConnected({ project }: { project: string }) {
  return (
    <div className="flex flex-col gap-4">
      <ThroughApp project={project} />
      <details className="text-sm">
        <summary className="min-h-7 text-muted hover:text-ink">With a token, of GitHub, GitLab, Gitea or Forgejo</summary>
        <div className="pt-3">
          <ConnectForm project={project} />
        </div>
      </details>
    </div>
  );
}

function ThroughApp({ project }: { project: string }) {
  const github = useQuery(githubQuery()).data;
  const connect = useConnect(project);
  if (github === undefined) return <Skeleton className="h-8" />;
  const isReady = github.app !== null && github.login !== null;
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-3">
        <p className="min-w-0 flex-1 basis-60 text-sm text-muted">
          {github.app === null ? "There is no GitHub App on this installation yet." : github.login === null ? "Connect your account at GitHub first: it proves that you may write to the repository." : `Through ${github.app.name}, which has to be let into the repository; that you may write there is asked of ${github.login}.`}
        </p>
        {isReady ? (
          <Button size="small" isBusy={connect.isPending} onClick={() => connect.mutate({ provider: "github_app" }, { onSuccess: () => toast("It is connected.") })}>
            Connect with GitHub
          </Button>
        ) : (
          <Button size="small" asChild>
            <Link to="/github">To GitHub</Link>
          </Button>
        )}
      </div>
      {connect.isError && <ProblemPanel what="It was not connected" error={connect.error} />}
    </div>
  );
}

function Disconnect({ project, connection: { repository, webhook }, onClose }: { project: string; connection: Connection; onClose: () => void }) {
  const disconnect = useDisconnect(project);
  const run = () =>
    disconnect.mutate(undefined, {
      onSuccess: () => {
        onClose();
        toast("It is not connected any more.");
      },
    });
  return (
    <Confirm isOpen onClose={onClose} title="Disconnect the project?" action="Disconnect it" isDangerous isBusy={disconnect.isPending} error={disconnect.error} onConfirm={run}>
      <p>
        Nothing is told at <code className="code">{repository}</code> any more{webhook && ", and the webhook that was made there is taken away"}. If not everybody may read it, it cannot be built until it is entered in another way.
      </p>
    </Confirm>
  );
}
