import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, getRouteApi, useNavigate } from "@tanstack/react-router";
import { ExternalLink, GitFork, Lock, SearchX } from "lucide-react";
import { useDeferredValue, useEffect, useState } from "react";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Field, Input, Select } from "@/ui/field";
import { LoadMore } from "@/ui/load-more";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { VirtualRows } from "@/ui/virtual-rows";
import { type GithubApp, type Installation, type Repository, installationsQuery, repositoriesQuery } from "./queries";

const route = getRouteApi("/app/github");
/** Every letter is a question to GitHub, which counts them. */
const TYPED_MS = 300;
const ROW_HEIGHT = 56;

/** Whose repositories there are, and those of one of them. */
export function Repositories({ app }: { app: GithubApp }) {
  const { installation } = route.useSearch();
  const query = useQuery(installationsQuery());
  const install = (
    <Button size="small" asChild>
      <a href={app.install_url} target="_blank" rel="noreferrer">
        Let it into more <ExternalLink aria-hidden />
      </a>
    </Button>
  );
  const shown = query.data?.find(({ id }) => id === installation) ?? query.data?.find(({ suspended }) => !suspended) ?? query.data?.[0];
  return (
    <Card title="Repositories" description="What is not here: let the app into it at GitHub, then come back." actions={install} isFlush>
      {query.isError && <ProblemPanel what="Where the app is installed could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} className="m-4" />}
      {query.isPending && <SkeletonRows count={4} />}
      {query.data?.length === 0 && (
        <Empty icon={<GitFork />} title="The app is installed nowhere that you may see">
          Install it at GitHub, for your account or for an organisation, and choose the repositories that it may enter.
        </Empty>
      )}
      {query.data !== undefined && shown !== undefined && <Chosen key={shown.id} all={query.data} shown={shown} />}
    </Card>
  );
}

function Chosen({ all, shown }: { all: readonly Installation[]; shown: Installation }) {
  const navigate = useNavigate();
  const { q = "" } = route.useSearch();
  const [search, setSearch] = useState(q);
  const deferred = useDeferredValue(search.trim());
  useEffect(() => {
    if (deferred === q) return;
    const timer = setTimeout(() => void navigate({ to: "/github", search: { installation: shown.id, q: deferred || undefined }, replace: true }), TYPED_MS);
    return () => clearTimeout(timer);
  }, [deferred, q, navigate, shown.id]);
  return (
    <>
      <div className="grid gap-3 border-b border-line p-4 sm:grid-cols-2">
        <Field label="Of">
          {(attributes) => (
            <Select {...attributes} value={shown.id} onChange={({ target }) => void navigate({ to: "/github", search: { installation: Number(target.value) }, replace: true })}>
              {all.map(({ id, account, suspended }) => (
                <option key={id} value={id}>
                  {account}
                  {suspended && ", suspended"}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Search">{(attributes) => <Input {...attributes} type="search" value={search} onChange={({ target }) => setSearch(target.value)} placeholder="A part of its name" autoComplete="off" spellCheck={false} />}</Field>
      </div>
      {shown.suspended ? <p className="p-4 text-sm text-muted">Somebody suspended the app there: it may enter nothing of {shown.account} until it is let in again.</p> : <Found installation={shown.id} search={q} onClear={() => setSearch("")} />}
    </>
  );
}

function Found({ installation, search, onClear }: { installation: number; search: string; onClear: () => void }) {
  const query = useInfiniteQuery(repositoriesQuery(installation, search));
  const found = query.data?.pages.flatMap((page) => page.items) ?? [];
  const isNothing = query.isSuccess && found.length === 0 && !query.hasNextPage;
  return (
    <>
      {query.isError && found.length === 0 && <ProblemPanel what="The repositories could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} className="m-4" />}
      {(query.isPending || (found.length === 0 && query.hasNextPage)) && <SkeletonRows count={4} />}
      {isNothing && search !== "" && (
        <Empty icon={<SearchX />} title={`No repository has “${search}” in its name`} action={<Button onClick={onClear}>Clear the search</Button>}>
          Only those are looked at that the app and you may both enter.
        </Empty>
      )}
      {isNothing && search === "" && (
        <Empty icon={<GitFork />} title="Nothing that both of you may enter">
          Let the app into a repository at GitHub, then come back.
        </Empty>
      )}
      {found.length > 0 && (
        <VirtualRows label="Repositories" items={found} keyOf={({ name }) => name} height={ROW_HEIGHT}>
          {(repository) => <Row key={repository.name} repository={repository} />}
        </VirtualRows>
      )}
      <div className="empty:hidden pt-4">
        <LoadMore query={query} />
      </div>
    </>
  );
}

function Row({ repository: { name, clone_url, default_branch, pushed_at, may_connect, ...repository } }: { repository: Repository }) {
  return (
    <li className="flex min-h-14 items-center gap-3 border-b border-line px-4 py-2 last:border-b-0">
      <div className="min-w-0 flex-1">
        <p className="flex items-center gap-1.5 text-sm">
          <span className="truncate font-medium">{name}</span>
          {repository.private && <Lock role="img" aria-label="private" className="size-3.5 shrink-0 text-muted" />}
        </p>
        <p className="truncate text-xs text-muted">
          {default_branch ?? "no branch yet"}
          {pushed_at !== null && (
            <>
              {" · pushed "}
              <TimeAgo at={pushed_at} />
            </>
          )}
          {!may_connect && " · you may only read it"}
        </p>
      </div>
      {may_connect && (
        <Button size="small" asChild>
          <Link to="/projects/new" search={{ repository: clone_url, github: true }} aria-label={`New project of ${name}`}>
            New project
          </Link>
        </Button>
      )}
    </li>
  );
}
