import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Pencil, Search, Trash2 } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { shortImage } from "@/pipelines/model";
import { servicesQuery, tagsQuery } from "@/pipelines/queries";
import { print } from "@/pipelines/text";
import { NotFound } from "@/shell/failures";
import { Fact } from "@/deployments/facts";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { CopyButton } from "@/ui/copy";
import { Input } from "@/ui/field";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton, SkeletonRows } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { type Service, useRemoveService } from "./mutations";
import { ServiceDialog } from "./service-dialog";

const route = getRouteApi("/app/services/$service");

export function ServicePage() {
  const { service: name } = route.useParams();
  useTitle(name, "Services");
  const query = useQuery(servicesQuery());
  const service = query.data?.find((it) => it.name === name);
  if (query.isError) return <Page title={name}><ProblemPanel what="The service could not be read" error={query.error} onRetry={() => void query.refetch()} /></Page>;
  if (query.data === undefined) return <Page title={<Skeleton className="h-6 w-40" />}><Skeleton className="h-40 rounded-xl" /></Page>;
  if (service === undefined) return <NotFound />;
  return <Shown service={service} />;
}

function Shown({ service }: { service: Service }) {
  const { name, description, image, ports, public: port, created_by, updated_at, variables } = service;
  const [asked, setAsked] = useState<"change" | "remove" | null>(null);
  const navigate = useNavigate();
  const remove = useRemoveService(name);
  const close = () => setAsked(null);
  const step = print({ [name]: { kind: "service", service: name } });
  return (
    <Page
      title={name}
      description={description ?? "A service of the catalogue"}
      actions={
        <>
          <Button onClick={() => setAsked("change")}>
            <Pencil aria-hidden /> Change
          </Button>
          <Button onClick={() => setAsked("remove")}>
            <Trash2 aria-hidden /> Remove
          </Button>
        </>
      }
    >
      <Card>
        <dl className="grid gap-x-8 gap-y-4 text-sm sm:grid-cols-2 lg:grid-cols-4">
          <Fact label="Image" className="lg:col-span-2">
            <span className="flex min-w-0 items-center gap-1">
              <code className="code truncate" title={image}>{shortImage(image)}</code>
              <CopyButton text={image} what="image" />
            </span>
          </Fact>
          <Fact label="Ports">{ports.length === 0 ? "None" : ports.join(", ")}{port !== null && <span className="text-muted"> · {port} is public</span>}</Fact>
          <Fact label="Changed"><TimeAgo at={updated_at} /> <span className="text-muted">by {created_by}</span></Fact>
          {Object.keys(variables).length > 0 && <Fact label="Variables" className="lg:col-span-4"><code className="code">{Object.keys(variables).join(", ")}</code></Fact>}
        </dl>
      </Card>
      <TagList service={service} />
      <Card title="In a pipeline" description="All that a step needs to say; what it says itself wins.">
        <div className="flex items-start gap-2 rounded-md border border-line bg-sunken p-3">
          <pre className="code min-w-0 flex-1 overflow-x-auto text-xs">{step}</pre>
          <CopyButton text={step} what="step" />
        </div>
      </Card>
      {asked === "change" && <ServiceDialog service={service} onClose={close} />}
      <Confirm
        isOpen={asked === "remove"}
        onClose={close}
        title={`Remove ${name} from the catalogue?`}
        action="Remove"
        isDangerous
        isBusy={remove.isPending}
        error={remove.error}
        onConfirm={() =>
          remove.mutate(undefined, {
            onSuccess: () => {
              toast(`${name} is removed from the catalogue.`);
              void navigate({ to: "/services" });
            },
          })
        }
      >
        <p>Versions of pipelines that are saved keep what they took from it. A pipeline that names it cannot be saved again.</p>
      </Confirm>
    </Page>
  );
}

/** Which tags there are now, so that a pattern can be judged by what it lets through. */
function TagList({ service: { name, selectable_tags } }: { service: Service }) {
  const [q, setQ] = useState("");
  const query = useQuery(tagsQuery(null, name, useDeferredValue(q)));
  const tags = query.data;
  return (
    <Card
      title="Tags"
      isFlush
      description={
        selectable_tags === null ? (
          "The tag is pinned: nothing is chosen for a deployment."
        ) : (
          <>
            What matches <code className="code">{selectable_tags}</code> may be chosen for a deployment.
          </>
        )
      }
      actions={
        <div className="relative max-sm:w-full">
          <Search aria-hidden className="pointer-events-none absolute top-1/2 left-2.5 size-4 -translate-y-1/2 text-faint" />
          <Input type="search" aria-label="Search tags" placeholder="Search" value={q} onChange={({ target }) => setQ(target.value)} className="w-44 pl-8 max-sm:w-full max-sm:pl-8" />
        </div>
      }
    >
      {query.isError && <ProblemPanel what="The tags could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} className="m-4" />}
      {query.isPending && <SkeletonRows count={3} className="h-9" />}
      {tags?.stale != null && <p className="px-4 pt-3 text-sm text-warn">An older list: {tags.stale}</p>}
      {tags?.items.length === 0 && <p className="p-4 text-sm text-muted">{q === "" ? "No tag matches." : `No tag matches “${q}”.`}</p>}
      <ul aria-label="Tags" className="max-h-96 overflow-y-auto" tabIndex={0}>
        {tags?.items.map((tag) => (
          <li key={tag.name} className="flex min-h-9 items-center gap-3 border-b border-line px-4 text-sm last:border-0">
            <code className="code min-w-0 flex-1 truncate">{tag.name}</code>
            {tag.name === tags.default && <span className="rounded-full bg-accent-wash px-2 text-xs text-accent">usual</span>}
            {tag.created_at !== null && <TimeAgo at={tag.created_at} className="tabular text-xs text-muted" />}
          </li>
        ))}
      </ul>
      {tags?.truncated === true && <p className="border-t border-line px-4 py-2 text-xs text-muted">There are more: search for them.</p>}
    </Card>
  );
}
