import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Box, Globe, Plus, Tags } from "lucide-react";
import { useState } from "react";
import { useRowKeys } from "@/lib/row-keys";
import { useShortcut } from "@/lib/shortcuts";
import { shortImage } from "@/pipelines/model";
import { servicesQuery } from "@/pipelines/queries";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import type { Service } from "./mutations";
import { ServiceDialog } from "./service-dialog";

export function ServicesPage() {
  useTitle("Services");
  const query = useQuery(servicesQuery());
  const [isAdding, setIsAdding] = useState(false);
  const onRowKey = useRowKeys();
  useShortcut("n", "Add a service", "This page", () => setIsAdding(true));
  const add = (
    <Button kind="primary" onClick={() => setIsAdding(true)}>
      <Plus aria-hidden /> Add a service
    </Button>
  );
  const isEmpty = query.data?.length === 0;
  return (
    <Page title="Services" description="Described once, used by everybody's pipelines." actions={!isEmpty && add}>
      {query.isError && <ProblemPanel what="The services could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />}
      {!query.isError && (
        <Card isFlush>
          {query.isPending && <SkeletonRows count={4} />}
          {isEmpty && (
            <Empty icon={<Box />} title="No services in the catalogue" action={add} command="pierhead services apply api.yaml">
              Say once from which image a service runs, which tags may be chosen, its ports and variables. A step of a pipeline then needs only its name.
            </Empty>
          )}
          <ul aria-label="Services" onKeyDown={onRowKey}>
            {query.data?.map((service) => <ServiceRow key={service.name} service={service} />)}
          </ul>
        </Card>
      )}
      {isAdding && <ServiceDialog service={null} onClose={() => setIsAdding(false)} />}
    </Page>
  );
}

function ServiceRow({ service: { name, description, image, selectable_tags, public: port, ports } }: { service: Service }) {
  return (
    <li className="relative flex min-h-14 items-center gap-x-6 gap-y-1 border-b border-line px-4 py-2 last:border-0 focus-within:bg-hover/60 hover:bg-hover/60 max-sm:flex-wrap">
      <div className="min-w-0 flex-1 basis-60">
        <Link to="/services/$service" params={{ service: name }} data-row className="text-sm font-medium outline-offset-4 after:absolute after:inset-0">
          {name}
        </Link>
        <p className="truncate text-xs text-muted">{description ?? <code className="code">{shortImage(image)}</code>}</p>
      </div>
      <p className="flex w-44 items-center gap-1.5 text-xs text-muted">
        <Tags aria-hidden className="size-3.5 shrink-0" />
        {selectable_tags === null ? "pinned" : <code className="code truncate">{selectable_tags}</code>}
      </p>
      <p className="tabular flex w-24 items-center gap-1.5 text-xs text-muted">
        {port !== null && (
          <>
            <Globe aria-hidden className="size-3.5" /> {port}
          </>
        )}
        {port === null && ports.join(", ")}
      </p>
    </li>
  );
}
