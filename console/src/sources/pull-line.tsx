import { CircleCheck, ExternalLink, GitPullRequest, ShieldQuestion } from "lucide-react";
import { useState } from "react";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { Field, Input } from "@/ui/field";
import { toast } from "@/ui/toast";
import { useApprovePull } from "./mutations";
import type { Branch } from "./queries";

type Pull = NonNullable<Branch["pull_request"]>;
const WHOLE_HASH = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

/** A pull request behind a branch; each commit of one from a fork waits until somebody has looked at it. */
export function PullLine({ project, branch: { pull_request: pull } }: { project: string; branch: Branch }) {
  const [isAsked, setIsAsked] = useState(false);
  if (pull === null) return null;
  return (
    <div className="mt-0.5 flex flex-wrap items-center gap-x-2 gap-y-1 text-xs text-muted">
      <a href={pull.url} target="_blank" rel="noreferrer" className="inline-flex min-w-0 items-center gap-1 hover:text-ink hover:underline">
        <GitPullRequest aria-hidden className="size-3.5 shrink-0" />
        <span className="truncate">
          #{pull.number} {pull.title}
        </span>
        <ExternalLink aria-hidden className="size-3 shrink-0" />
      </a>
      <span>by {pull.author}</span>
      {pull.fork && (
        <>
          {pull.approved_commit === null ? (
            <span className="inline-flex items-center gap-1 text-warn">
              <ShieldQuestion aria-hidden className="size-3.5" /> From a fork: no commit is approved
            </span>
          ) : (
            <span className="inline-flex items-center gap-1 text-good">
              <CircleCheck aria-hidden className="size-3.5" /> {pull.approved_by} approved {pull.approved_commit.slice(0, 7)}
              {pull.approved_secrets && ", with secrets"}
            </span>
          )}
          <Button size="small" onClick={() => setIsAsked(true)} aria-label={`Approve a commit of #${pull.number}`}>
            Approve a commit
          </Button>
          {isAsked && <Approve project={project} pull={pull} onClose={() => setIsAsked(false)} />}
        </>
      )}
    </div>
  );
}

/** The hash is asked for, not offered: what is approved is the commit that somebody has read, whatever came since. */
function Approve({ project, pull: { number, author }, onClose }: { project: string; pull: Pull; onClose: () => void }) {
  const [commit, setCommit] = useState("");
  const [secrets, setSecrets] = useState(false);
  const [isTried, setIsTried] = useState(false);
  const approve = useApprovePull(project, number);
  const hash = commit.trim().toLowerCase();
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`Build a commit of #${number}?`}
      action="I have read it: build it"
      isBusy={approve.isPending}
      error={approve.error}
      onConfirm={() => {
        setIsTried(true);
        if (!WHOLE_HASH.test(hash)) return;
        approve.mutate(
          { commit: hash, secrets },
          {
            onSuccess: () => {
              onClose();
              toast(`${hash.slice(0, 7)} of #${number} may be built.`);
            },
          },
        );
      }}
    >
      <p>Building it runs what {author} wrote. Only this commit is let through: a later one waits again.</p>
      <Field label="The commit that you have read" hint="Its whole hash, as the pull request shows it." error={isTried && !WHOLE_HASH.test(hash) ? "The whole hash: 40 digits and letters from a to f." : undefined}>
        {(attributes) => <Input {...attributes} value={commit} onChange={({ target }) => setCommit(target.value)} className="code" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
      </Field>
      <label className="flex items-start gap-2 text-ink">
        <input type="checkbox" checked={secrets} onChange={({ target }) => setSecrets(target.checked)} className="mt-0.5 size-4 accent-(--accent-solid)" />
        <span>
          It gets the project's secrets
          <span className="block text-xs text-muted">Whoever wrote it can then read them.</span>
        </span>
      </label>
    </Confirm>
  );
}
