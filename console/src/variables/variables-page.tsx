import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useBlocker, useNavigate } from "@tanstack/react-router";
import { ClipboardPaste, Plus, SlidersHorizontal } from "lucide-react";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import { ProblemError } from "@/api/problem";
import { variablesQuery } from "@/api/queries";
import { useDeploy } from "@/deployments/mutations";
import { useShortcut } from "@/lib/shortcuts";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { type DraftRow, type Edits, bodyOf, draftOf, edited, remaining, without } from "./draft";
import { PasteDialog } from "./paste-dialog";
import { ReviewDialog } from "./review-dialog";
import { VariableDialog } from "./variable-dialog";
import { VariableRow } from "./variable-row";

const route = getRouteApi("/app/projects/$project/variables");

type Asked = { kind: "add" } | { kind: "change"; row: DraftRow } | { kind: "paste" } | { kind: "review" } | null;

export function VariablesPage() {
  const { project } = route.useParams();
  useTitle("Variables", project);
  const client = useQueryClient();
  const navigate = useNavigate();
  const query = useQuery(variablesQuery(project));
  const [kept, setEdits] = useState<Edits>(new Map());
  const [asked, setAsked] = useState<Asked>(null);
  const deploy = useDeploy(project);
  const close = () => setAsked(null);
  const saved = query.data?.items ?? [];
  const edits = remaining(kept, saved);
  const rows = draftOf(saved, edits);
  const changes = rows.filter(({ status }) => status !== "same");

  const save = useMutation({
    mutationFn: () =>
      answer(
        api.PUT("/api/v1/projects/{project}/variables", {
          params: { path: { project }, header: { "If-Match": `"${query.data?.version ?? 0}"` } },
          body: { items: bodyOf(saved, edits) },
        }),
      ),
    onSuccess: (list) => {
      client.setQueryData(keys.variables(project), list);
      setEdits(new Map());
    },
    onError: (error) => {
      // Somebody else was faster: the edits are kept and shown against the new state.
      if (error instanceof ProblemError && error.status === 412) void query.refetch();
    },
  });
  const saveAll = (andDeploy: boolean) =>
    save.mutate(undefined, {
      onSuccess: () => {
        close();
        if (!andDeploy) {
          toast("The variables are saved. The next deployment gets them.");
          return;
        }
        deploy.mutate(
          { no_cache: false },
          { onSuccess: ({ id }) => void navigate({ to: "/deployments/$id", params: { id }, ignoreBlocker: true }) },
        );
      },
    });
  useBlocker({
    shouldBlockFn: () => !window.confirm("Leave without saving the changes of the variables?"),
    enableBeforeUnload: () => edits.size > 0,
    disabled: edits.size === 0,
  });
  useShortcut("n", "Add a variable", "This page", () => setAsked({ kind: "add" }));
  useShortcut("Mod+S", "Review and save", "This page", () => setAsked({ kind: "review" }), edits.size > 0);

  const isEmpty = query.isSuccess && rows.length === 0;
  const adding = (
    <>
      <Button onClick={() => setAsked({ kind: "paste" })}>
        <ClipboardPaste aria-hidden /> Paste .env
      </Button>
      <Button kind="primary" onClick={() => setAsked({ kind: "add" })}>
        <Plus aria-hidden /> Add
      </Button>
    </>
  );
  return (
    <>
      {query.isError && <ProblemPanel what="The variables could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />}
      {deploy.isError && <ProblemPanel what="The variables are saved, but nothing was deployed" error={deploy.error} />}
      {save.error instanceof ProblemError && save.error.status === 412 && (
        <p role="alert" className="rounded-lg border border-warn/40 bg-warn-wash px-4 py-3 text-sm">
          Somebody else changed the variables meanwhile. Your changes are kept, shown against what is there now: review them again.
        </p>
      )}
      {query.isPending && <Card isFlush><SkeletonRows count={4} className="h-12" /></Card>}
      {isEmpty && (
        <Card isFlush>
          <Empty icon={<SlidersHorizontal />} title="No variables yet" action={adding} command={`pierhead env set KEY=value --project ${project}`}>
            Addresses, keys and switches that differ from one place to another. Secrets are stored encrypted and never shown again.
          </Empty>
        </Card>
      )}
      {rows.length > 0 && (
        <Card title="Variables" description="What runs now keeps those it was started with, until the next deployment." actions={<span className="flex gap-2">{adding}</span>} isFlush>
          <table className="w-full max-sm:block">
            <caption className="sr-only">Variables of {project}</caption>
            <thead className="border-b border-line text-left text-xs text-muted max-sm:sr-only">
              <tr>
                <th scope="col" className="px-4 py-1.5 font-normal">Key</th>
                <th scope="col" className="px-4 py-1.5 font-normal">Value</th>
                <th scope="col" className="px-4 py-1.5 font-normal">There</th>
                <th scope="col" className="px-4 py-1.5 font-normal max-md:hidden">Changed</th>
                <th scope="col"><span className="sr-only">Actions</span></th>
              </tr>
            </thead>
            <tbody className="max-sm:block">
              {rows.map((row) => (
                <VariableRow
                  key={row.key}
                  row={row}
                  onChange={() => setAsked({ kind: "change", row })}
                  onRemove={() => setEdits(edited(edits, saved, row.key, "removed"))}
                  onUndo={() => setEdits(without(edits, row.key))}
                />
              ))}
            </tbody>
          </table>
        </Card>
      )}
      {changes.length > 0 && (
        <div role="region" aria-label="Changes that are not saved" className="sticky bottom-4 z-20 mx-auto flex flex-wrap items-center gap-3 rounded-xl border border-line bg-raised px-4 py-2.5 text-sm shadow-xl shadow-[black]/15 max-md:bottom-18">
          <span role="status">{changes.length === 1 ? "One change is" : `${changes.length} changes are`} not saved</span>
          <Button size="small" kind="quiet" onClick={() => setEdits(new Map())}>
            Discard
          </Button>
          <Button size="small" kind="primary" onClick={() => setAsked({ kind: "review" })}>
            Review
          </Button>
        </div>
      )}
      {(asked?.kind === "add" || asked?.kind === "change") && (
        <VariableDialog
          {...(asked.kind === "change" ? { row: asked.row } : {})}
          taken={new Set(rows.map(({ key }) => key))}
          onClose={close}
          onDone={(key, value) => {
            setEdits(edited(edits, saved, key, value));
            close();
          }}
        />
      )}
      {asked?.kind === "paste" && (
        <PasteDialog
          saved={saved}
          edits={edits}
          onClose={close}
          onDone={(next) => {
            setEdits(next);
            close();
          }}
        />
      )}
      {asked?.kind === "review" && changes.length > 0 && (
        <ReviewDialog rows={changes} isBusy={save.isPending || deploy.isPending} error={save.error} onClose={close} onSave={saveAll} />
      )}
    </>
  );
}
