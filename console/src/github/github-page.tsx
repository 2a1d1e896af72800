import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi, useNavigate } from "@tanstack/react-router";
import { GitFork, Link2, Settings2 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { meQuery } from "@/api/queries";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Empty } from "@/ui/empty";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { useConnectAccount, useDisconnectAccount, useFinishConnecting } from "./mutations";
import { type Github, type GithubApp, githubQuery } from "./queries";
import { Repositories } from "./repositories";

const route = getRouteApi("/app/github");

/** From one's account at GitHub to the repositories that may be deployed; GitHub comes back here. */
export function GithubPage() {
  useTitle("GitHub");
  const isAdmin = useQuery(meQuery()).data?.role === "admin";
  const query = useQuery(githubQuery());
  const { error, isPending } = useComeBack();
  const github = query.data;
  const settings = isAdmin && (
    <Button asChild>
      <Link to="/github-app">
        <Settings2 aria-hidden /> The app
      </Link>
    </Button>
  );
  return (
    <Page title="GitHub" description="Repositories that you may write to, and that the installation's GitHub App is let into." actions={settings} width="text">
      {error !== null && <ProblemPanel what="Your account was not connected" error={error} />}
      {query.isError && <ProblemPanel what="What there is of GitHub could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />}
      {(query.isPending || isPending) && <Skeleton className="h-40 rounded-xl" />}
      {github !== undefined && !isPending && <Shown github={github} isAdmin={isAdmin} />}
    </Page>
  );
}

/** Takes what GitHub came back with out of the address, and connects the account with it. */
function useComeBack() {
  const navigate = useNavigate();
  const { code, state, error: refusal } = route.useSearch();
  const finish = useFinishConnecting();
  const taken = useRef<string>(null);
  const { mutate } = finish;
  useEffect(() => {
    if (code !== undefined && state !== undefined && taken.current !== code) {
      taken.current = code;
      mutate({ code, state }, { onSuccess: ({ login }) => toast(`Your account ${login ?? ""} is connected.`) });
    }
    if (code !== undefined || refusal !== undefined) void navigate({ to: "/github", search: {}, replace: true });
  }, [code, state, refusal, mutate, navigate]);
  return finish;
}

function Shown({ github: { app, login, connected_at }, isAdmin }: { github: Github; isAdmin: boolean }) {
  if (app === null) return <NoApp isAdmin={isAdmin} />;
  if (login === null) return <ConnectCard app={app} />;
  return (
    <>
      <AccountCard app={app} login={login} connectedAt={connected_at} />
      <Repositories app={app} />
    </>
  );
}

function NoApp({ isAdmin }: { isAdmin: boolean }) {
  const action = isAdmin ? (
    <Button kind="primary" asChild>
      <Link to="/github-app">Set a GitHub App up</Link>
    </Button>
  ) : undefined;
  return (
    <Card isFlush>
      <Empty icon={<GitFork />} title="There is no GitHub App yet" action={action} command={isAdmin ? "pierhead github app --help" : undefined}>
        {isAdmin ? "You make one once, for everybody." : "An administrator of this installation makes one, once."} A repository that everybody may read needs none: give its address to a new project.
      </Empty>
    </Card>
  );
}

function ConnectCard({ app }: { app: GithubApp }) {
  const connect = useConnectAccount();
  const action = (
    <Button kind="primary" isBusy={connect.isPending} onClick={() => connect.mutate()}>
      {!connect.isPending && <Link2 aria-hidden />} Connect your account
    </Button>
  );
  return (
    <Card isFlush>
      <Empty icon={<GitFork />} title="Connect your account at GitHub" action={action} command="pierhead github connect">
        {app.name} then sees, in your name, the repositories that both of you may enter. It writes nothing in your name.
      </Empty>
      {connect.isError && <ProblemPanel what="GitHub was not asked" error={connect.error} className="m-4" />}
    </Card>
  );
}

function AccountCard({ app, login, connectedAt }: { app: GithubApp; login: string; connectedAt: string | null }) {
  const disconnect = useDisconnectAccount();
  const [isAsked, setIsAsked] = useState(false);
  const forget = () =>
    disconnect.mutate(undefined, {
      onSuccess: () => {
        setIsAsked(false);
        toast("Your account at GitHub is forgotten.");
      },
    });
  return (
    <Card
      title="Your account"
      actions={
        <Button size="small" onClick={() => setIsAsked(true)}>
          Disconnect
        </Button>
      }
    >
      <p className="text-sm">
        <span className="font-medium">{login}</span> at {app.url.replace(/^https?:\/\//, "")}
        {connectedAt !== null && (
          <span className="block text-xs text-muted">
            connected <TimeAgo at={connectedAt} /> through {app.name}
          </span>
        )}
      </p>
      <Confirm isOpen={isAsked} onClose={() => setIsAsked(false)} title="Forget your account at GitHub?" action="Forget it" isBusy={disconnect.isPending} error={disconnect.error} onConfirm={forget}>
        <p>Projects that were connected with it stay connected. You can connect it again at any time.</p>
      </Confirm>
    </Card>
  );
}
