import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi, useNavigate } from "@tanstack/react-router";
import { TriangleAlert } from "lucide-react";
import { isNotFound } from "@/api/problem";
import { type Node, nodeQuery } from "@/api/queries";
import { Fact } from "@/deployments/facts";
import { megabytes } from "@/lib/size";
import { NodeCharts } from "@/metrics/node-charts";
import { NotFound } from "@/shell/failures";
import { Card } from "@/ui/card";
import { CopyId } from "@/ui/copy";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Prose } from "@/ui/prose";
import { Skeleton } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { Capacity } from "./capacity";
import { ChangedCertificate, Thumbprint } from "./certificates";
import { NodeActions } from "./node-actions";
import { inShort, nextFor } from "./node-problems";
import { NodeStatus } from "./node-status";

const route = getRouteApi("/app/nodes/$node");

export function NodePage() {
  const { node: name } = route.useParams();
  const query = useQuery(nodeQuery(name));
  useTitle(name, "Environments");
  const node = query.data;
  if (isNotFound(query.error) && node === undefined) return <NotFound />;
  return (
    <Page
      title={
        <span className="flex flex-wrap items-center gap-2.5">
          {name} {node !== undefined && <NodeStatus node={node} />}
        </span>
      }
      description={
        <Link to="/environments" className="hover:text-ink hover:underline">
          Environments
        </Link>
      }
      actions={node !== undefined && <NodeActions node={node} />}
    >
      {query.isError && <ProblemPanel what="The node could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />}
      {node === undefined ? !query.isError && <Skeleton className="h-48 rounded-xl" /> : <Shown node={node} />}
    </Page>
  );
}

function Shown({ node }: { node: Node }) {
  const search = route.useSearch();
  const navigate = useNavigate();
  const { problem, shown_thumbprint } = node;
  return (
    <>
      {shown_thumbprint !== null && <ChangedCertificate node={node} shown={shown_thumbprint} />}
      {problem !== null && shown_thumbprint === null && (
        <section role="status" className="flex items-start gap-3 rounded-xl border border-warn/40 bg-warn-wash px-4 py-3 text-sm">
          <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
          <div>
            <p className="font-medium">{inShort(problem)}</p>
            <p>
              <Prose text={problem.detail} />
            </p>
            <p className="text-muted">{nextFor(problem.code)}</p>
            <p className="text-muted">It is tried again by itself.</p>
          </div>
        </section>
      )}
      <Card title="Capacity" description="Used now, and promised: the limits of what was placed there, added up.">
        <Capacity node={node} />
      </Card>
      <NodeCharts node={node.name} search={search} onSearch={(next) => void navigate({ to: "/nodes/$node", params: { node: node.name }, search: next, replace: true })} />
      <Card title="Machine">
        <Facts node={node} />
      </Card>
    </>
  );
}

const DIALS: Record<string, string> = {
  local: "This server runs on it",
  control: "This server calls its agent",
  agent: "Its agent calls this server",
};

function Facts({ node }: { node: Node }) {
  const { id, machine, release, address, dial, online_since, created_at, thumbprint, allocated } = node;
  return (
    <div className="flex flex-col gap-4">
      <dl className="grid grid-cols-[repeat(auto-fill,minmax(min(100%,13rem),1fr))] gap-x-6 gap-y-3 text-sm">
        {machine !== null && (
          <>
            <Fact label="Host">{machine.hostname}</Fact>
            <Fact label="Architecture">{machine.architecture}</Fact>
            <Fact label="Size">
              <span className="tabular">
                {machine.cpu_cores} cores · {megabytes(machine.memory_mb)} · {megabytes(machine.disk_mb)}
              </span>
            </Fact>
            <Fact label="Container engine">{machine.engine_version}</Fact>
          </>
        )}
        <Fact label="Pierhead">{release ?? <span className="text-muted">not known</span>}</Fact>
        <Fact label="Connection">
          {DIALS[dial] ?? dial}
          {address !== null && <code className="code block text-muted">{address}</code>}
        </Fact>
        <Fact label="Connected since">{online_since === null ? <span className="text-muted">not connected</span> : <TimeAgo at={online_since} />}</Fact>
        <Fact label="Added">
          <TimeAgo at={created_at} />
        </Fact>
        <Fact label="Deployments">{allocated.deployments}</Fact>
        <Fact label="Id">
          <CopyId id={id} what="node id" />
        </Fact>
      </dl>
      {thumbprint !== null && node.shown_thumbprint === null && (
        <div className="max-w-2xl">
          <Thumbprint label="Its certificate, SHA-256" hex={thumbprint} />
        </div>
      )}
    </div>
  );
}
