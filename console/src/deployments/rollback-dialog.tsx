import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { deploymentListQuery, deploymentQuery } from "@/api/queries";
import { command } from "@/lib/shell";
import { Button } from "@/ui/button";
import { Command } from "@/ui/copy";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Select } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { timeAgo } from "@/lib/time";
import { changesBetween } from "./changes";
import { ChangesTable } from "./changes-table";
import { useRollback } from "./mutations";

interface Props {
  project: string;
  slot: string;
  live: string | null;
  /** The deployment to go back to; the one that was live before when nothing is said. */
  target?: string;
  onClose: () => void;
}

/** Shows what will change before it changes. Nothing is built: the release is still there. */
export function RollbackDialog({ project, slot, live, target, onClose }: Props) {
  const navigate = useNavigate();
  const earlier = useInfiniteQuery(deploymentListQuery({ project, slot, states: ["INACTIVE"] }));
  const choices = (earlier.data?.pages.flatMap((page) => page.items) ?? []).filter(({ release }) => release !== null);
  const [chosen, setChosen] = useState(target);
  const id = chosen ?? choices[0]?.id;
  const [withCurrentVariables, setWithCurrentVariables] = useState(false);
  const now = useQuery({ ...deploymentQuery(live ?? ""), enabled: live !== null });
  const then = choices.find((it) => it.id === id);
  const rollback = useRollback();
  const confirm = () => {
    if (id === undefined) return;
    rollback.mutate(
      { id, withCurrentVariables },
      {
        onSuccess: (deployment) => {
          onClose();
          toast(`Going back to v${then?.number ?? ""} of ${project}.`);
          void navigate({ to: "/deployments/$id", params: { id: deployment.id } });
        },
      },
    );
  };
  const words = ["rollback", ...(id === undefined ? ["--project", project] : [id]), ...(withCurrentVariables ? ["--current-variables"] : [])];
  return (
    <Dialog
      isOpen
      onClose={onClose}
      width="medium"
      title="Roll back"
      description={`${project} · ${slot}. Nothing is built: what was live then is made live again, without dropping a request.`}
    >
      <DialogBody className="flex flex-col gap-4">
        {earlier.isError && <ProblemPanel what="The earlier deployments could not be read" error={earlier.error} onRetry={() => void earlier.refetch()} />}
        {earlier.isSuccess && choices.length === 0 && (
          <p className="text-sm text-muted">There is no earlier release of this slot to go back to.</p>
        )}
        {earlier.isPending && <Skeleton className="h-8" />}
        {choices.length > 0 && (
          <Field label="Go back to">
            {(attributes) => (
              <Select {...attributes} value={id} onChange={(event) => setChosen(event.target.value)}>
                {choices.map(({ id: choice, number, pipeline_version, commit, timings, created_at }) => (
                  <option key={choice} value={choice}>
                    v{number} · {commit?.message.split("\n", 1)[0] ?? (pipeline_version > 0 ? `pipeline version ${pipeline_version}` : choice)} · {timeAgo(timings.production_at ?? created_at, Date.now())}
                  </option>
                ))}
              </Select>
            )}
          </Field>
        )}
        {then !== undefined && now.data !== undefined && (
          <div className="overflow-x-auto rounded-lg border border-line">
            <ChangesTable fromLabel={`Now, v${now.data.number}`} toLabel={`Then, v${then.number}`} changes={changesBetween(now.data, then)} />
          </div>
        )}
        {then !== undefined && (
          <fieldset className="flex flex-col gap-1.5 text-sm">
            <legend className="mb-1 font-medium">Variables</legend>
            <label className="flex items-start gap-2">
              <input type="radio" name="variables" className="mt-0.5 size-4 accent-(--accent-solid)" checked={!withCurrentVariables} onChange={() => setWithCurrentVariables(false)} />
              <span>
                As they were then <span className="block text-xs text-muted">What ran then runs again, exactly.</span>
              </span>
            </label>
            <label className="flex items-start gap-2">
              <input type="radio" name="variables" className="mt-0.5 size-4 accent-(--accent-solid)" checked={withCurrentVariables} onChange={() => setWithCurrentVariables(true)} />
              <span>
                As they are now <span className="block text-xs text-muted">For secrets that were changed since.</span>
              </span>
            </label>
          </fieldset>
        )}
        {then !== undefined && <Command text={command(...words)} />}
        {rollback.isError && <ProblemPanel what="It was not rolled back" error={rollback.error} />}
      </DialogBody>
      <DialogFooter>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" disabled={then === undefined} isBusy={rollback.isPending} onClick={confirm}>
          Roll back{then === undefined ? "" : ` to v${then.number}`}
        </Button>
      </DialogFooter>
    </Dialog>
  );
}
