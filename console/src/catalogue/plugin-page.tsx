import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { CircleCheck, Pencil, Trash2 } from "lucide-react";
import { useState } from "react";
import { Fact } from "@/deployments/facts";
import { duration } from "@/lib/time";
import { pluginsQuery } from "@/pipelines/queries";
import { print } from "@/pipelines/text";
import { type Context, Fields } from "@/schema-form/fields";
import { type Schema, complaintsOf, resolved, shapeOf } from "@/schema-form/schema";
import { NotFound } from "@/shell/failures";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { CopyButton } from "@/ui/copy";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { type Plugin, useRemovePlugin } from "./mutations";
import { PluginDialog } from "./plugin-dialog";
import { withValue } from "./service-dialog";

const route = getRouteApi("/app/plugins/$plugin");

export function PluginPage() {
  const { plugin: name } = route.useParams();
  useTitle(name, "Plugins");
  const query = useQuery(pluginsQuery());
  const plugin = query.data?.find((it) => it.name === name);
  if (query.isError) return <Page title={name}><ProblemPanel what="The plugin could not be read" error={query.error} onRetry={() => void query.refetch()} /></Page>;
  if (query.data === undefined) return <Page title={<Skeleton className="h-6 w-40" />}><Skeleton className="h-40 rounded-xl" /></Page>;
  if (plugin === undefined) return <NotFound />;
  return <Shown key={plugin.name} plugin={plugin} />;
}

const NETWORKS: Record<string, string> = { none: "Nothing at all", deployment: "Services of its own deployment", internet: "Its deployment and the outside" };

function Shown({ plugin }: { plugin: Plugin }) {
  const { name, description, image, outputs, destroys, network, timeout_s, created_by, updated_at } = plugin;
  const [asked, setAsked] = useState<"change" | "remove" | null>(null);
  const navigate = useNavigate();
  const remove = useRemovePlugin(name);
  const close = () => setAsked(null);
  const isOurs = created_by === "pierhead";
  return (
    <Page
      title={name}
      description={description}
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
          <Fact label="Image">
            <span className="flex min-w-0 items-center gap-1">
              <code className="code truncate" title={image}>{image}</code>
              <CopyButton text={image} what="image" />
            </span>
          </Fact>
          <Fact label="Leaves for later steps">{outputs === null ? "Known when it has run" : outputs.length === 0 ? "Nothing" : <code className="code">{outputs.join(", ")}</code>}</Fact>
          <Fact label="May reach">{NETWORKS[network] ?? network}</Fact>
          <Fact label="Time for one attempt">{duration(timeout_s * 1000)}</Fact>
          <Fact label="When it is undone">{destroys ? "It is asked to take back what it made" : "Nothing has to be taken back"}</Fact>
          <Fact label="Registered">
            <TimeAgo at={updated_at} /> <span className="text-muted">{isOurs ? "with Pierhead" : `by ${created_by}`}</span>
          </Fact>
        </dl>
      </Card>
      <TryOut plugin={plugin} />
      {asked === "change" && <PluginDialog plugin={plugin} onClose={close} />}
      <Confirm
        isOpen={asked === "remove"}
        onClose={close}
        title={`Remove ${name}?`}
        action="Remove"
        isDangerous
        isBusy={remove.isPending}
        error={remove.error}
        onConfirm={() =>
          remove.mutate(undefined, {
            onSuccess: () => {
              toast(`${name} is removed.`);
              void navigate({ to: "/plugins" });
            },
          })
        }
      >
        <p>Pipelines that use it cannot be saved or deployed any more. What runs is undone with the plugin as it was registered.</p>
      </Confirm>
    </Page>
  );
}

/** The form that the plugin's schema makes, and the step that comes out of it: a schema shows its faults here first. */
function TryOut({ plugin }: { plugin: Plugin }) {
  const [value, setValue] = useState<Record<string, unknown>>({});
  const root = plugin.schema as Schema;
  const schema = resolved(root, root);
  const complaints = complaintsOf(root, value, root);
  const [isTouched, setIsTouched] = useState(false);
  const context: Context = {
    root,
    onChange: (path, next) => {
      setIsTouched(true);
      setValue((before) => withValue(before, path, next));
    },
    problemOf: (path) => {
      const wanted = path.reduce<string>((text, part) => (typeof part === "number" ? `${text}[${part}]` : text === "" ? part : `${text}.${part}`), "");
      const complaint = isTouched ? complaints.find((it) => it.path === wanted) : undefined;
      return complaint?.message;
    },
  };
  const shape = shapeOf(root, root);
  const hasFields = shape.kind === "object" && Object.keys(shape.properties).length > 0;
  const image = plugin.image.startsWith("pierhead/plugin-") ? `${plugin.image}:1.0.0` : `${plugin.image}:VERSION`;
  const step = print({ [plugin.name]: { kind: "plugin", image, ...(Object.keys(value).length > 0 && { parameters: value }) } });
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-5 lg:grid-cols-2">
      <Card title="Parameters" description="The form that pipelines show, made from the plugin's JSON Schema.">
        {hasFields ? <Fields schema={schema} value={value} path={[]} context={context} /> : <p className="text-sm text-muted">It takes none.</p>}
      </Card>
      <Card title="As a step" description="Fill in the form, then take this into a pipeline.">
        <div className="flex items-start gap-2 rounded-md border border-line bg-sunken p-3">
          <pre className="code min-w-0 flex-1 overflow-x-auto text-xs" tabIndex={0} aria-label="The step as YAML">{step}</pre>
          <CopyButton text={step} what="step" />
        </div>
        <p role="status" className="mt-3 text-sm">
          {complaints.length === 0 ? (
            <span className="flex items-center gap-1.5 text-good">
              <CircleCheck aria-hidden className="size-4" /> The parameters fit.
            </span>
          ) : (
            <span className="text-muted">
              {complaints.length === 1 ? "One parameter does" : `${complaints.length} parameters do`} not fit yet: <code className="code">{complaints.map(({ path }) => path).join(", ")}</code>
            </span>
          )}
        </p>
      </Card>
    </div>
  );
}
