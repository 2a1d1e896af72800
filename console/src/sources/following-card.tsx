import { useQuery } from "@tanstack/react-query";
import { CircleAlert, GitBranch, RefreshCw } from "lucide-react";
import { useState } from "react";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { CopyButton } from "@/ui/copy";
import { ProblemPanel } from "@/ui/problem-panel";
import { Prose } from "@/ui/prose";
import { SkeletonRows } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { CheckResult } from "./check-result";
import { useCheckSource, useLookAtSource, useMakeSecret } from "./mutations";
import { PullLine } from "./pull-line";
import { type Branch, type Following, followingQuery } from "./queries";

const PROVIDERS = { github: "GitHub", gitlab: "GitLab", gitea: "Gitea, Forgejo", generic: "Anything else" } as const;
/** How the project learns of pushes: which branches are followed, whether webhooks arrive, and why not. */
export function FollowingCard({ project }: { project: string }) {
  const [isRenewing, setIsRenewing] = useState(false);
  const query = useQuery(followingQuery(project));
  const look = useLookAtSource(project);
  const check = useCheckSource(project);
  const renew = useMakeSecret(project);
  const following = query.data;
  const hasSecret = following?.webhooks.secret_since != null;
  const make = () => renew.mutate(undefined, { onSuccess: () => setIsRenewing(false) });
  const ask = () => (hasSecret ? setIsRenewing(true) : make());
  return (
    <Card
      title="Pushes"
      description={following === undefined ? "How this project learns of them." : <Prose text={following.verdict} />}
      isFlush
      actions={
        <Button size="small" isBusy={look.isPending} onClick={() => look.mutate()}>
          {!look.isPending && <RefreshCw aria-hidden />} Look now
        </Button>
      }
    >
      {query.isError && <ProblemPanel what="How it learns of pushes could not be read" error={query.error} onRetry={() => void query.refetch()} className="m-4" />}
      {look.isError && <ProblemPanel what="The branches were not looked at" error={look.error} className="m-4" />}
      {query.isPending && <SkeletonRows count={2} />}
      {following !== undefined && <Branches project={project} following={following} />}
      {following !== undefined && (
        <div className="flex flex-col gap-3 p-4">
          <div className="flex flex-wrap items-center gap-3">
            <p className="min-w-0 flex-1 basis-60 text-sm">
              Webhooks{" "}
              <span className="block text-xs text-muted">
                {following.webhooks.secret_since !== null ? (
                  <>
                    Signed with the secret of <TimeAgo at={following.webhooks.secret_since} />.
                  </>
                ) : following.webhooks.installation_secret ? (
                  "Signed with the installation's secret."
                ) : (
                  "There is no secret yet, so none is taken. Branches are looked at every few minutes."
                )}
              </span>
            </p>
            <Button size="small" isBusy={check.isPending} onClick={() => check.mutate()}>
              Do they arrive?
            </Button>
            <Button size="small" isBusy={renew.isPending} onClick={ask}>
              {hasSecret ? "Make another secret" : "Make a secret"}
            </Button>
          </div>
          {check.isError && <ProblemPanel what="It was not found out whether they arrive" error={check.error} />}
          <CheckResult isChecking={check.isPending} found={check.data} />
          {renew.isError && !isRenewing && <ProblemPanel what="There is no new secret" error={renew.error} />}
          {renew.data !== undefined && <Shown label="The secret; it is not shown again" text={renew.data.secret} />}
          <ul aria-label="Addresses" className="grid gap-x-4 gap-y-2 sm:grid-cols-2">
            {Object.entries(PROVIDERS).map(([provider, label]) => (
              <li key={provider} className="min-w-0">
                <Shown label={label} text={`${location.origin}${following.webhooks.addresses[provider as keyof typeof PROVIDERS]}`} />
              </li>
            ))}
          </ul>
          <Deliveries following={following} />
        </div>
      )}
      <Confirm isOpen={isRenewing} onClose={() => setIsRenewing(false)} title="Make another secret?" action="Make it" isBusy={renew.isPending} error={renew.error} onConfirm={make}>
        <p>The one that there is is good no longer: webhooks are refused until the provider knows the new one.</p>
      </Confirm>
    </Card>
  );
}

function Branches({ project, following: { branches } }: { project: string; following: Following }) {
  if (branches.length === 0) return <p className="border-b border-line p-4 text-sm text-muted">No branch is followed yet.</p>;
  return (
    <ul aria-label="Followed branches">
      {branches.map((branch) => (
        <BranchLine key={branch.reference} project={project} branch={branch} />
      ))}
    </ul>
  );
}

function BranchLine({ project, branch }: { project: string; branch: Branch }) {
  const { reference, slot, commit, looked_at, next_look_at, outcome, problem } = branch;
  return (
    <li className="flex items-start gap-3 border-b border-line px-4 py-2.5 text-sm">
      <GitBranch aria-hidden className="mt-0.5 size-4 shrink-0 text-muted" />
      <div className="min-w-0 flex-1">
        <p className="truncate">
          <code className="code">{reference === "HEAD" ? "the default branch" : reference.replace(/^refs\/heads\//, "")}</code> <span className="text-muted">→ {slot}</span>
        </p>
        {problem === null ? (
          <p className="text-xs text-muted">{outcome ?? "Not looked at yet"}</p>
        ) : (
          <p className="flex items-start gap-1.5 text-xs text-bad">
            <CircleAlert aria-hidden className="mt-0.5 size-3.5 shrink-0" /> <Prose text={problem} />
          </p>
        )}
        <PullLine project={project} branch={branch} />
      </div>
      <p className="text-right text-xs text-muted">
        {commit !== null && <code className="code block">{commit.slice(0, 7)}</code>}
        {looked_at === null ? <>next <TimeAgo at={next_look_at} /></> : <TimeAgo at={looked_at} />}
      </p>
    </li>
  );
}

function Deliveries({ following: { webhooks } }: { following: Following }) {
  if (webhooks.deliveries.length === 0) return null;
  return (
    <details className="text-sm">
      <summary className="min-h-7 text-muted hover:text-ink">The last {webhooks.deliveries.length} that were received</summary>
      <ul aria-label="Received webhooks" className="mt-1 divide-y divide-line rounded-md border border-line">
        {webhooks.deliveries.map(({ delivery, provider, event, outcome, received_at }) => (
          <li key={delivery} className="flex items-baseline gap-3 px-3 py-1.5 text-xs">
            <span className="w-28 shrink-0 truncate text-muted">
              {provider} {event}
            </span>
            <span className="min-w-0 flex-1">{outcome}</span>
            <TimeAgo at={received_at} className="tabular text-muted" />
          </li>
        ))}
      </ul>
    </details>
  );
}

function Shown({ label, text }: { label: string; text: string }) {
  return (
    <>
      <span className="text-xs text-muted">{label}</span>
      <span className="flex min-w-0 items-center gap-1 rounded-md border border-line bg-sunken py-0.5 pr-0.5 pl-2.5">
        <code className="code min-w-0 flex-1 truncate py-0.5 text-xs" title={text}>
          {text}
        </code>
        <CopyButton text={text} what={label} />
      </span>
    </>
  );
}
