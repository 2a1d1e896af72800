import { zodResolver } from "@hookform/resolvers/zod";
import { useNavigate } from "@tanstack/react-router";
import { useForm, useWatch } from "react-hook-form";
import * as z from "zod/mini";
import type { Project } from "@/api/queries";
import { useDeploy } from "@/deployments/mutations";
import { command } from "@/lib/shell";
import { Button } from "@/ui/button";
import { Command } from "@/ui/copy";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";

const SLOT = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

const schema = z.object({
  ref: z.string(),
  slot: z.string().check(z.regex(SLOT, "Small letters, digits and hyphens, as in a hostname.")),
  noCache: z.boolean(),
});

type Values = z.infer<typeof schema>;

/** Deploys the newest commit of a branch, or any other, into production or another slot. */
export function DeployDialog({ project, onClose }: { project: Project; onClose: () => void }) {
  const { name, source, url } = project;
  const navigate = useNavigate();
  const deploy = useDeploy(name);
  const { register, handleSubmit, control, formState } = useForm<Values>({
    resolver: zodResolver(schema),
    defaultValues: { ref: "", slot: "production", noCache: false },
  });
  const { ref = "", slot = "production", noCache = false } = useWatch({ control });
  const submit = handleSubmit((values) =>
    deploy.mutate(
      { ref: values.ref.trim() || null, slot: values.slot, no_cache: values.noCache },
      {
        onSuccess: (deployment) => {
          onClose();
          toast(`v${deployment.number} of ${name} is on its way.`);
          void navigate({ to: "/deployments/$id", params: { id: deployment.id } });
        },
      },
    ),
  );
  const words = ["deploy", "--project", name];
  if (ref.trim() !== "") words.push("--ref", ref.trim());
  if (slot !== "production") words.push("--slot", slot);
  if (noCache) words.push("--no-cache");
  return (
    <Dialog isOpen onClose={onClose} title={`Deploy ${name}`}>
      <form className="contents" noValidate onSubmit={(event) => void submit(event)}>
        <DialogBody className="flex flex-col gap-4">
          <Field label="Branch, tag or commit" hint="Empty: the newest commit of the project's branch.">
            {(attributes) => (
              <Input {...attributes} {...register("ref")} placeholder={source?.branch ?? "default branch"} className="code" autoComplete="off" spellCheck={false} autoFocus />
            )}
          </Field>
          <Field label="Slot" error={formState.errors.slot?.message} hint={`Live at ${hostOf(url, name, slot)}`}>
            {(attributes) => <Input {...attributes} {...register("slot")} className="code" autoComplete="off" spellCheck={false} />}
          </Field>
          <label className="flex items-start gap-2 text-sm">
            <input type="checkbox" {...register("noCache")} className="mt-0.5 size-4 accent-(--accent-solid)" />
            <span>
              Build without the cache <span className="block text-xs text-muted">Slower; for when what was kept is in the way.</span>
            </span>
          </label>
          <Command text={command(...words)} />
          {deploy.isError && <ProblemPanel what="It was not deployed" error={deploy.error} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" isBusy={deploy.isPending}>
            Deploy
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}

/** `shop.example.com` of production, `blue--shop.example.com` of another slot. */
function hostOf(url: string, project: string, slot: string): string {
  const host = url.replace(/^https?:\/\//, "");
  if (slot === "production" || !SLOT.test(slot) || !host.startsWith(`${project}.`)) return host;
  return `${slot}--${host}`;
}
