import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Plus, Server } from "lucide-react";
import { useState } from "react";
import { type Environment, type Node, environmentsQuery, nodesQuery } from "@/api/queries";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { useRowKeys } from "@/lib/row-keys";
import { useShortcut } from "@/lib/shortcuts";
import { AddNodeDialog } from "./add-node-dialog";
import { Capacity } from "./capacity";
import { inShort } from "./node-problems";
import { NodeStatus } from "./node-status";

export function EnvironmentsPage() {
  useTitle("Environments");
  const query = useQuery(environmentsQuery());
  return (
    <Page title="Environments" description="Where deployments run: each has a domain and its machines.">
      {query.isError && <ProblemPanel what="The environments could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />}
      {query.isPending && (
        <Card isFlush>
          <SkeletonRows count={3} className="h-24" />
        </Card>
      )}
      {query.data?.map((environment) => <EnvironmentCard key={environment.id} environment={environment} />)}
    </Page>
  );
}

function EnvironmentCard({ environment }: { environment: Environment }) {
  const { name, base_domain } = environment;
  const [isAdding, setIsAdding] = useState(false);
  const query = useQuery(nodesQuery(name));
  const onRowKey = useRowKeys();
  useShortcut("n", `Add a node to ${name}`, "This page", () => setIsAdding(true));
  const add = (
    <Button size="small" onClick={() => setIsAdding(true)}>
      <Plus aria-hidden /> Add a node
    </Button>
  );
  return (
    <Card
      title={name}
      description={
        <>
          <code className="code">*.{base_domain}</code> · {environment.driver}
        </>
      }
      actions={add}
      isFlush
    >
      {query.isError && <ProblemPanel what="The nodes could not be read" error={query.error} onRetry={() => void query.refetch()} className="m-4" />}
      {query.isPending && <SkeletonRows count={2} className="h-24" />}
      {query.data?.length === 0 && (
        <Empty icon={<Server />} title="No machine yet" action={add} command="pierhead nodes add berlin-1 10.0.0.7:8410">
          Deployments need a machine to run on.
        </Empty>
      )}
      {query.data !== undefined && query.data.length > 0 && (
        <ul aria-label={`Nodes of ${name}`} onKeyDown={onRowKey}>
          {query.data.map((node) => (
            <NodeRow key={node.id} node={node} />
          ))}
        </ul>
      )}
      {isAdding && <AddNodeDialog environment={name} onClose={() => setIsAdding(false)} />}
    </Card>
  );
}

function NodeRow({ node }: { node: Node }) {
  const { name, machine, allocated, problem } = node;
  return (
    <li className="relative flex items-center gap-x-6 gap-y-3 border-b border-line px-4 py-3.5 last:border-b-0 focus-within:bg-hover/60 hover:bg-hover/60 max-lg:flex-wrap">
      <div className="min-w-0 flex-1 basis-60">
        <p className="flex items-center gap-2.5">
          <Link to="/nodes/$node" params={{ node: name }} data-row className="font-medium outline-offset-4 after:absolute after:inset-0">
            {name}
          </Link>
          <NodeStatus node={node} />
        </p>
        <p className="mt-0.5 text-xs text-muted">
          {problem !== null ? (
            <span className="text-bad">{inShort(problem)}</span>
          ) : (
            <>
              {machine !== null && `${machine.hostname} · ${machine.architecture} · `}
              {allocated.deployments} deployment{allocated.deployments === 1 ? "" : "s"}
            </>
          )}
        </p>
      </div>
      <Capacity node={node} className="w-full max-w-xl flex-1 basis-80" />
    </li>
  );
}
