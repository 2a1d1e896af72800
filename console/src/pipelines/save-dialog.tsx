import { useState } from "react";
import { asProblem } from "@/api/problem";
import { Button } from "@/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { useSavePipeline } from "./mutations";
import type { Editor } from "./use-editor";

/** Makes the next version. Where somebody else was faster, one's own text stays and theirs can be looked at. */
export function SaveDialog({ editor, onClose, onSaved }: { editor: Editor; onClose: () => void; onSaved: (version: number) => void }) {
  const { project, base, text, problems } = editor;
  const [message, setMessage] = useState("");
  const [above, setAbove] = useState<number | null>(null);
  const save = useSavePipeline(project);
  const warnings = problems.filter(({ severity }) => severity === "warning").length;
  const theirs = save.isError ? versionOf(asProblem(save.error).current) : null;
  const submit = () =>
    save.mutate(
      { text, base: above ?? base, message },
      {
        onSuccess: ({ version }) => {
          editor.saved(version, text);
          onClose();
          toast(`Version ${version} is saved. New deployments run it; what runs keeps its own.`);
          onSaved(version);
        },
      },
    );
  return (
    <Dialog isOpen onClose={onClose} title={base === 0 ? "Save the first version" : `Save as version ${(above ?? base) + 1}`} description="A version never changes. What runs keeps the one it has.">
      <form
        className="contents"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <DialogBody className="flex flex-col gap-4">
          <Field label="What was changed" hint="For whoever looks at the versions later. May be empty.">
            {(attributes) => <Input {...attributes} value={message} onChange={({ target }) => setMessage(target.value)} autoFocus maxLength={200} />}
          </Field>
          {warnings > 0 && <p className="text-sm text-warn">{warnings === 1 ? "One warning" : `${warnings} warnings`} will be saved with it.</p>}
          {save.isError && <ProblemPanel what={theirs === null ? "It was not saved" : `Somebody else saved version ${theirs} meanwhile`} error={save.error} />}
          {theirs !== null && above !== theirs && (
            <p className="text-sm text-muted">
              Yours can follow theirs: everything that they changed is then as you have it.{" "}
              <Button size="small" onClick={() => setAbove(theirs)}>
                Save mine above version {theirs}
              </Button>
            </p>
          )}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Go back</Button>
          <Button type="submit" kind="primary" isBusy={save.isPending}>
            Save
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}

function versionOf(current: unknown): number | null {
  if (typeof current !== "object" || current === null || !("version" in current)) return null;
  return typeof current.version === "number" ? current.version : null;
}
