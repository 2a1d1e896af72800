import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Plug, Plus } from "lucide-react";
import { useState } from "react";
import { useRowKeys } from "@/lib/row-keys";
import { useShortcut } from "@/lib/shortcuts";
import { pluginsQuery } from "@/pipelines/queries";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { PluginDialog } from "./plugin-dialog";

export function PluginsPage() {
  useTitle("Plugins");
  const query = useQuery(pluginsQuery());
  const [isAdding, setIsAdding] = useState(false);
  const onRowKey = useRowKeys();
  useShortcut("n", "Register a plugin", "This page", () => setIsAdding(true));
  const add = (
    <Button kind="primary" onClick={() => setIsAdding(true)}>
      <Plus aria-hidden /> Register a plugin
    </Button>
  );
  return (
    <Page title="Plugins" description="Containers that do one thing while an application is stood up: make a database, load data, wait, ask." actions={add}>
      {query.isError && <ProblemPanel what="The plugins could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />}
      {!query.isError && (
        <Card isFlush>
          {query.isPending && <SkeletonRows count={6} />}
          {query.data?.length === 0 && (
            <Empty icon={<Plug />} title="No plugins" action={add} command="pierhead plugins register plugin.yaml">
              A plugin is an image that is told everything on standard input and answers with one JSON object.
            </Empty>
          )}
          <ul aria-label="Plugins" onKeyDown={onRowKey}>
            {query.data?.map(({ name, description, image, created_by, destroys }) => (
              <li key={name} className="relative flex min-h-14 items-center gap-x-6 border-b border-line px-4 py-2 last:border-0 focus-within:bg-hover/60 hover:bg-hover/60">
                <div className="min-w-0 flex-1">
                  <Link to="/plugins/$plugin" params={{ plugin: name }} data-row className="text-sm font-medium outline-offset-4 after:absolute after:inset-0">
                    {name}
                  </Link>
                  <p className="truncate text-xs text-muted">{description || <code className="code">{image}</code>}</p>
                </div>
                <p className="w-32 text-xs text-muted max-sm:hidden">{destroys ? "undoes what it made" : "leaves nothing behind"}</p>
                <p className="w-36 truncate text-right text-xs text-muted max-md:hidden">{created_by === "pierhead" ? "comes with Pierhead" : created_by}</p>
              </li>
            ))}
          </ul>
        </Card>
      )}
      {isAdding && <PluginDialog plugin={null} onClose={() => setIsAdding(false)} />}
    </Page>
  );
}
