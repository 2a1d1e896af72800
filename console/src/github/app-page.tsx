import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi, useNavigate } from "@tanstack/react-router";
import { ExternalLink } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { meQuery } from "@/api/queries";
import { Fact } from "@/deployments/facts";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { CopyButton } from "@/ui/copy";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { AppByHand } from "./app-by-hand";
import { AppManifest } from "./app-manifest";
import { useConvertApp, useForgetApp } from "./mutations";
import { type GithubApp, githubQuery } from "./queries";

const route = getRouteApi("/app/github-app");

/** The one GitHub App of this installation: for administrators. GitHub comes back here when it has made one. */
export function GithubAppPage() {
  useTitle("The GitHub App");
  const me = useQuery(meQuery()).data;
  const description = (
    <Link to="/github" className="hover:text-ink hover:underline">
      GitHub
    </Link>
  );
  if (me === undefined) return <Skeleton className="m-8 h-40 rounded-xl" />;
  return (
    <Page title="The GitHub App" description={description} width="text">
      {me.role === "admin" ? (
        <Administration />
      ) : (
        <Card title="For administrators">
          <p className="text-sm text-muted">An administrator sets it up once, for everybody who has an account here.</p>
        </Card>
      )}
    </Page>
  );
}

function Administration() {
  const query = useQuery(githubQuery());
  const { error, isPending } = useComeBack();
  const [isReplacing, setIsReplacing] = useState(false);
  const app = query.data?.app;
  return (
    <>
      {error !== null && <ProblemPanel what="No app was made of what GitHub came back with" error={error} />}
      {query.isError && <ProblemPanel what="What there is of GitHub could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />}
      {(query.isPending || isPending) && <Skeleton className="h-48 rounded-xl" />}
      {app != null && !isPending && <State app={app} onReplace={() => setIsReplacing(!isReplacing)} />}
      {!isPending && (app === null || (app !== undefined && isReplacing)) && (
        <>
          <AppManifest />
          <AppByHand onSet={() => setIsReplacing(false)} />
        </>
      )}
      <WebhookCard />
    </>
  );
}

/** Takes what GitHub came back with out of the address, and fetches the app with it. */
function useComeBack() {
  const navigate = useNavigate();
  const { code } = route.useSearch();
  const convert = useConvertApp();
  const taken = useRef<string>(null);
  const { mutate } = convert;
  useEffect(() => {
    if (code === undefined || taken.current === code) return;
    taken.current = code;
    mutate(code, { onSuccess: ({ name }) => toast(`${name} is used from now on.`) });
    void navigate({ to: "/github-app", search: {}, replace: true });
  }, [code, mutate, navigate]);
  return convert;
}

function State({ app, onReplace }: { app: GithubApp; onReplace: () => void }) {
  const { id, name, slug, url, install_url, set_at, set_by } = app;
  const forget = useForgetApp();
  const [isAsked, setIsAsked] = useState(false);
  return (
    <Card
      title={name}
      description="What is secret of it is kept sealed and never shown."
      footer={
        <>
          <Button size="small" onClick={onReplace}>
            Use another
          </Button>
          <Button size="small" kind="danger" onClick={() => setIsAsked(true)}>
            Forget it
          </Button>
        </>
      }
    >
      <dl className="grid grid-cols-[repeat(auto-fill,minmax(min(100%,12rem),1fr))] gap-x-6 gap-y-3 text-sm">
        <Fact label="At">
          <span className="break-words">{url.replace(/^https?:\/\//, "")}</span>
        </Fact>
        <Fact label="Number">
          <span className="tabular">{id}</span> <span className="text-muted">{slug}</span>
        </Fact>
        <Fact label="Set">
          <TimeAgo at={set_at} /> by {set_by}
        </Fact>
        <Fact label="Repositories">
          <a href={install_url} target="_blank" rel="noreferrer" className="inline-flex min-h-6 items-center gap-1 text-accent hover:underline">
            Let it into some <ExternalLink aria-hidden className="size-3.5" />
          </a>
        </Fact>
      </dl>
      <Confirm
        isOpen={isAsked}
        onClose={() => setIsAsked(false)}
        title={`Forget ${name}?`}
        action="Forget it"
        isDangerous
        typed={slug || name}
        isBusy={forget.isPending}
        error={forget.error}
        onConfirm={() =>
          forget.mutate(undefined, {
            onSuccess: () => {
              setIsAsked(false);
              toast(`${name} is forgotten.`);
            },
          })
        }
      >
        <p>Projects that are connected through it cannot be built any more, and everybody's account is disconnected. At GitHub it stays until somebody deletes it there.</p>
      </Confirm>
    </Card>
  );
}

function WebhookCard() {
  const address = `${location.origin}/api/v1/hooks/github`;
  return (
    <Card title="Where GitHub tells of pushes" description="GitHub has to be able to reach it. What of it arrives is in the settings of each project.">
      <span className="flex min-w-0 items-center gap-1 rounded-md border border-line bg-sunken py-0.5 pr-0.5 pl-2.5">
        <code className="code min-w-0 flex-1 py-0.5 text-xs break-all">{address}</code>
        <CopyButton text={address} what="address" />
      </span>
    </Card>
  );
}
