import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, getRouteApi, useNavigate } from "@tanstack/react-router";
import { ArrowLeft, RotateCcw } from "lucide-react";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { LoadMore } from "@/ui/load-more";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton, SkeletonRows } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { YamlEditor } from "@/ui/yaml-editor";
import { useSavePipeline } from "./mutations";
import { type Saved, pipelineDiffQuery, pipelineVersionQuery, pipelineVersionsQuery } from "./queries";
import { print } from "./text";

const route = getRouteApi("/app/projects/$project/pipeline/versions");

/** All versions, newest first; one of them, and what it changed. */
export function PipelineVersionsPage() {
  const { project } = route.useParams();
  const search = route.useSearch();
  useTitle("Versions of the pipeline", project);
  const list = useInfiniteQuery(pipelineVersionsQuery(project));
  const versions = list.data?.pages.flatMap(({ items }) => items) ?? [];
  const shown = search.version ?? versions[0]?.version;
  return (
    <>
      <div>
        <Button size="small" asChild>
          <Link to="/projects/$project/pipeline" params={{ project }}>
            <ArrowLeft aria-hidden /> To the editor
          </Link>
        </Button>
      </div>
      {list.isError && <ProblemPanel what="The versions could not be read" error={list.error} onRetry={() => void list.refetch()} />}
      {list.isPending && (
        <Card isFlush>
          <SkeletonRows count={4} />
        </Card>
      )}
      {list.isSuccess && versions.length === 0 && <p className="text-sm text-muted">Nothing was saved yet.</p>}
      {versions.length > 0 && (
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-5 lg:grid-cols-[20rem_minmax(0,1fr)]">
          <Card title="Versions" isFlush>
            <ul aria-label="Versions">
              {versions.map((it) => (
                <VersionRow key={it.version} project={project} saved={it} isShown={it.version === shown} />
              ))}
            </ul>
            <LoadMore query={list} />
          </Card>
          {shown !== undefined && <VersionShown project={project} version={shown} against={search.against ?? Math.max(1, shown - 1)} latest={versions[0]?.version ?? shown} versions={versions.map(({ version }) => version)} />}
        </div>
      )}
    </>
  );
}

function VersionRow({ project, saved: { version, message, created_by, created_at }, isShown }: { project: string; saved: Saved; isShown: boolean }) {
  return (
    <li className="border-b border-line last:border-0">
      <Link
        to="/projects/$project/pipeline/versions"
        params={{ project }}
        search={{ version }}
        aria-current={isShown ? "true" : undefined}
        activeProps={{}}
        className={`block px-4 py-2 hover:bg-hover ${isShown ? "bg-hover" : ""}`}
      >
        <span className="flex items-baseline gap-2 text-sm">
          <span className="tabular font-medium">{version}</span>
          <span className="min-w-0 flex-1 truncate">{message ?? <span className="text-muted">no words</span>}</span>
        </span>
        <span className="block truncate text-xs text-muted">
          {created_at !== null && <TimeAgo at={created_at} />} · {created_by}
        </span>
      </Link>
    </li>
  );
}

interface ShownProps {
  project: string;
  version: number;
  against: number;
  latest: number;
  versions: number[];
}

function VersionShown({ project, version, against, latest, versions }: ShownProps) {
  const navigate = useNavigate();
  const saved = useQuery(pipelineVersionQuery(project, version));
  const restore = useSavePipeline(project);
  const text = saved.data === undefined ? "" : print(saved.data.pipeline);
  const bringBack = () =>
    restore.mutate(
      { text, base: latest, message: `As version ${version}` },
      {
        onSuccess: (next) => {
          toast(`Version ${next.version} is what version ${version} was.`);
          void navigate({ to: "/projects/$project/pipeline/versions", params: { project }, search: { version: next.version } });
        },
      },
    );
  return (
    <div className="flex min-w-0 flex-col gap-5">
      <Card
        title={`What version ${version} changed`}
        actions={
          <label className="flex items-center gap-2 text-xs text-muted">
            against
            <select
              value={against}
              onChange={({ target }) => void navigate({ to: "/projects/$project/pipeline/versions", params: { project }, search: { version, against: Number(target.value) } })}
              className="h-7 rounded-md border border-line bg-surface px-1.5 text-sm"
            >
              {versions.map((it) => (
                <option key={it}>{it}</option>
              ))}
            </select>
          </label>
        }
        isFlush
      >
        <Changes project={project} from={against} to={version} />
      </Card>
      <Card
        title={`Version ${version}`}
        isFlush
        actions={
          version !== latest && (
            <Button size="small" isBusy={restore.isPending} onClick={bringBack}>
              <RotateCcw aria-hidden /> Make it the latest again
            </Button>
          )
        }
      >
        {restore.isError && <ProblemPanel what="It was not brought back" error={restore.error} className="m-4" />}
        {saved.isError && <ProblemPanel what="The version could not be read" error={saved.error} className="m-4" />}
        {saved.isPending ? <Skeleton className="m-4 h-40" /> : <YamlEditor value={text} label={`Version ${version} as text`} className="h-96" />}
      </Card>
    </div>
  );
}

const KINDS = { added: "text-good", removed: "text-bad", changed: "text-build" } as const;

function Changes({ project, from, to }: { project: string; from: number; to: number }) {
  const diff = useQuery({ ...pipelineDiffQuery(project, from, to), enabled: from !== to });
  if (from === to) return <p className="p-4 text-sm text-muted">It is the first: there is nothing before it.</p>;
  if (diff.isError) return <ProblemPanel what="They could not be compared" error={diff.error} className="m-4" />;
  if (diff.data === undefined) return <SkeletonRows count={3} className="h-9" />;
  if (diff.data.changes.length === 0) return <p className="p-4 text-sm text-muted">They are the same.</p>;
  return (
    <ul aria-label="Changes">
      {diff.data.changes.map(({ kind, path, before, after }) => (
        <li key={path} className="border-b border-line px-4 py-2 text-sm last:border-0">
          <span className={KINDS[kind as keyof typeof KINDS]}>{kind}</span> <code className="code">{path}</code>
          {before !== null && <Value sign="−" value={before} look="bg-bad-wash" />}
          {after !== null && <Value sign="+" value={after} look="bg-good-wash" />}
        </li>
      ))}
    </ul>
  );
}

function Value({ sign, value, look }: { sign: string; value: unknown; look: string }) {
  const text = typeof value === "string" ? value : print(value).trimEnd();
  return (
    <pre className={`code mt-1 overflow-x-auto rounded-sm px-2 py-1 text-xs whitespace-pre-wrap ${look}`}>
      {text.split("\n").map((line, index) => (
        <div key={index}>
          <span aria-hidden className="mr-2 text-muted select-none">
            {sign}
          </span>
          {line}
        </div>
      ))}
    </pre>
  );
}
