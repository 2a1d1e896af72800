import { useQuery } from "@tanstack/react-query";
import { CircleCheck, Container, Pencil, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { type Registry, registriesQuery } from "@/api/queries";
import { useShortcut } from "@/lib/shortcuts";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Empty } from "@/ui/empty";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Prose } from "@/ui/prose";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { useRemoveRegistry, useTestRegistry } from "./mutations";
import { RegistryDialog } from "./registry-dialog";

type Asked = { kind: "add" } | { kind: "change" | "remove"; registry: Registry } | null;

export function RegistriesPage() {
  useTitle("Registries");
  const query = useQuery(registriesQuery());
  const [asked, setAsked] = useState<Asked>(null);
  const close = () => setAsked(null);
  useShortcut("n", "Add a registry", "This page", () => setAsked({ kind: "add" }));
  const add = (
    <Button kind="primary" onClick={() => setAsked({ kind: "add" })}>
      <Plus aria-hidden /> Add a registry
    </Button>
  );
  const isEmpty = query.data?.length === 0;
  return (
    <Page title="Registries" description="Where images of pipelines come from, and with which account." actions={!isEmpty && add} width="text">
      {query.isError && <ProblemPanel what="The registries could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />}
      {!query.isError && (
        <Card isFlush>
          {query.isPending && <SkeletonRows count={2} />}
          {isEmpty && (
            <Empty icon={<Container />} title="No registries" action={add}>
              Images that anybody may read need none. For those of your own, say the account once, for every pipeline.
            </Empty>
          )}
          <ul aria-label="Registries">
            {query.data?.map((registry) => (
              <RegistryRow
                key={registry.name}
                registry={registry}
                onChange={() => setAsked({ kind: "change", registry })}
                onRemove={() => setAsked({ kind: "remove", registry })}
              />
            ))}
          </ul>
        </Card>
      )}
      {asked?.kind === "add" && <RegistryDialog registry={null} onClose={close} />}
      {asked?.kind === "change" && <RegistryDialog registry={asked.registry} onClose={close} />}
      {asked?.kind === "remove" && <Remove registry={asked.registry} onClose={close} />}
    </Page>
  );
}

function RegistryRow({ registry, onChange, onRemove }: { registry: Registry; onChange: () => void; onRemove: () => void }) {
  const { name, host, username, plain_http } = registry;
  const test = useTestRegistry(name);
  return (
    <li className="border-b border-line px-4 py-2.5 last:border-0">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <div className="min-w-0 flex-1 basis-48">
          <p className="text-sm font-medium">{name}</p>
          <p className="text-xs text-muted">
            <code className="code">{host}</code> · {username ?? "without an account"}
            {plain_http && <span className="text-warn"> · without TLS</span>}
          </p>
        </div>
        <span className="flex items-center gap-1">
          <Button size="small" onClick={() => test.mutate()} isBusy={test.isPending} aria-label={`Test ${name}`}>
            Test
          </Button>
          <Button size="icon" kind="quiet" aria-label={`Change ${name}`} title="Change" onClick={onChange}>
            <Pencil aria-hidden />
          </Button>
          <Button size="icon" kind="quiet" aria-label={`Remove ${name}`} title="Remove" onClick={onRemove}>
            <Trash2 aria-hidden />
          </Button>
        </span>
      </div>
      <div role="status">
        {test.data?.ok === true && (
          <p className="mt-1.5 flex items-center gap-1.5 text-sm text-good">
            <CircleCheck aria-hidden className="size-4" /> It answers{test.data.authenticated && ` and accepts ${username ?? "the account"}`}.
          </p>
        )}
        {test.data?.problem != null && (
          <p className="mt-1.5 text-sm text-bad">
            <span className="font-medium">{test.data.problem.kind.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase())}:</span> <Prose text={test.data.problem.detail} />
          </p>
        )}
      </div>
      {test.isError && <ProblemPanel what="It could not be tested" error={test.error} className="mt-2" />}
    </li>
  );
}

function Remove({ registry, onClose }: { registry: Registry; onClose: () => void }) {
  const { name, host } = registry;
  const remove = useRemoveRegistry(name);
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`Remove ${name}?`}
      action="Remove"
      isDangerous
      isBusy={remove.isPending}
      error={remove.error}
      onConfirm={() =>
        remove.mutate(undefined, {
          onSuccess: () => {
            onClose();
            toast(`${name} is removed.`);
          },
        })
      }
    >
      <p>
        Its account is forgotten. Images of <code className="code">{host}</code> are then asked for without one; what runs runs on.
      </p>
    </Confirm>
  );
}
