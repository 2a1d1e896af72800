import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { ChevronRight, Download, ScrollText } from "lucide-react";
import { useState } from "react";
import { open } from "@/api/client";
import { print } from "@/pipelines/text";
import { type AuditEntry, type AuditFilter, auditQuery } from "@/teams/queries";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Input } from "@/ui/field";
import { LoadMore } from "@/ui/load-more";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { VirtualRows } from "@/ui/virtual-rows";
import { asAsked } from "./days";

const route = getRouteApi("/app/audit");
const FILTERS = { actor: "Who", action: "What, such as project", target: "To what", project: "In which project" } as const;
const DAYS = { since: "From", until: "To" } as const;

/** Who did what, when, from where, and what it was before. */
export function AuditPage() {
  useTitle("Audit");
  const filter = route.useSearch();
  const navigate = useNavigate();
  const query = useInfiniteQuery(auditQuery(filter));
  const entries = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const isFiltered = (Object.values(filter) as (string | undefined)[]).some((it) => it !== undefined);
  const [failure, setFailure] = useState<unknown>(null);
  return (
    <Page
      title="Audit"
      description="Administrators see everything; others what they did, and what was done to their projects."
      actions={
        <Button onClick={() => void save(filter).catch(setFailure)}>
          <Download aria-hidden /> Export
        </Button>
      }
    >
      {failure !== null && <ProblemPanel what="It could not be exported" error={failure} />}
      <form
        role="search"
        className="grid grid-cols-2 items-end gap-2 lg:grid-cols-[repeat(4,minmax(0,1fr))_auto_auto_auto]"
        onSubmit={(event) => {
          event.preventDefault();
          const data = new FormData(event.currentTarget);
          const value = (name: string) => {
            const typed = data.get(name);
            return typeof typed === "string" && typed.trim() !== "" ? typed.trim() : undefined;
          };
          void navigate({
            to: "/audit",
            search: { actor: value("actor"), action: value("action"), target: value("target"), project: value("project"), since: value("since"), until: value("until") },
          });
        }}
      >
        {Object.entries(FILTERS).map(([name, label]) => (
          <Input key={name + (filter[name as keyof AuditFilter] ?? "")} name={name} aria-label={label} placeholder={label} defaultValue={filter[name as keyof AuditFilter]} autoComplete="off" spellCheck={false} />
        ))}
        {Object.entries(DAYS).map(([name, label]) => (
          <label key={name + (filter[name as keyof AuditFilter] ?? "")} className="flex min-w-0 items-center gap-1.5 text-xs whitespace-nowrap text-muted">
            {label}
            <Input type="date" name={name} defaultValue={filter[name as keyof AuditFilter]} className="min-w-0" />
          </label>
        ))}
        <span className="flex gap-2">
          <Button type="submit">Filter</Button>
          {isFiltered && (
            <Button kind="quiet" onClick={() => void navigate({ to: "/audit", search: {} })}>
              Clear
            </Button>
          )}
        </span>
      </form>
      {query.isError && <ProblemPanel what="The audit log could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />}
      {!query.isError && (
        <Card isFlush>
          {query.isPending && <SkeletonRows count={8} className="h-12" />}
          {query.isSuccess && entries.length === 0 && (
            <Empty icon={<ScrollText />} title={isFiltered ? "Nobody did that" : "Nobody did anything yet"} command="pierhead audit">
              Everything that changes something is written down here, with who did it and from where.
            </Empty>
          )}
          <VirtualRows label="Entries" items={entries} keyOf={({ sequence }) => String(sequence)} height={57}>
            {(entry) => <Entry key={entry.sequence} entry={entry} />}
          </VirtualRows>
        </Card>
      )}
      <LoadMore query={query} />
    </Page>
  );
}

function Entry({ entry: { at, actor, action, target, before, after } }: { entry: AuditEntry }) {
  const [isOpen, setIsOpen] = useState(false);
  const hasMore = before !== null || after !== null;
  return (
    <li className="border-b border-line last:border-0">
      <button type="button" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)} className="flex min-h-12 w-full items-center gap-3 px-4 py-2 text-left text-sm hover:bg-hover/60">
        <ChevronRight aria-hidden className={`size-4 shrink-0 text-muted transition-transform ${isOpen ? "rotate-90" : ""}`} />
        <span className="min-w-0 flex-1">
          <span className="block truncate">
            <code className="code">{action}</code> <span className="font-medium">{target.name}</span>
          </span>
          <span className="block truncate text-xs text-muted">{actor.email}</span>
        </span>
        <TimeAgo at={at} className="tabular shrink-0 text-xs text-muted" />
      </button>
      {isOpen && (
        <div className="flex flex-col gap-2 px-4 pb-3 pl-11 text-xs text-muted">
          <p>
            {target.kind} <code className="code">{target.id}</code> · through <code className="code">{actor.via}</code>
            {actor.ip !== null && <> · from {actor.ip}</>}
          </p>
          {hasMore && (
            <div className="grid gap-2 sm:grid-cols-2">
              {before !== null && <Side title="Before" value={before} look="bg-bad-wash" />}
              {after !== null && <Side title="After" value={after} look="bg-good-wash" />}
            </div>
          )}
        </div>
      )}
    </li>
  );
}

function Side({ title, value, look }: { title: string; value: unknown; look: string }) {
  return (
    <div className="min-w-0">
      <p className="mb-0.5">{title}</p>
      <pre className={`code overflow-x-auto rounded-md px-2.5 py-1.5 text-ink ${look}`}>{print(value).trimEnd()}</pre>
    </div>
  );
}

/** All that the filter finds, not only what is shown. */
async function save(filter: AuditFilter): Promise<void> {
  const wanted = new URLSearchParams(Object.entries(asAsked(filter)).filter((pair): pair is [string, string] => pair[1] !== undefined));
  const response = await open(`/api/v1/audit/export?${wanted}`, {});
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = "audit.jsonl";
  link.click();
  URL.revokeObjectURL(address);
}
