import type { Deployment } from "@/api/queries";
import { CopyId } from "@/ui/copy";

export const SHORT_HASH = 7;

/** What was built, in one line. */
export function CommitLine({ commit, isHashShown = true }: { commit: Deployment["commit"]; isHashShown?: boolean }) {
  if (commit === null) return <span className="text-muted">No commit yet</span>;
  const [subject] = commit.message.split("\n", 1);
  return (
    <span className="flex min-w-0 items-center gap-2">
      <span title={commit.message} className="truncate">
        {subject}
      </span>
      {isHashShown && <CommitHash hash={commit.hash} />}
    </span>
  );
}

export function CommitHash({ hash }: { hash: string }) {
  return <CopyId id={hash} shown={hash.slice(0, SHORT_HASH)} what="commit" className="text-xs" />;
}
