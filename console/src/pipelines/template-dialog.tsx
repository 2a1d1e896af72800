import { useState } from "react";
import { Button } from "@/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { useSaveTemplate } from "./mutations";
import { read } from "./text";
import type { Editor } from "./use-editor";

const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** Keeps a pipeline for other projects to begin with. */
export function TemplateDialog({ editor, onClose }: { editor: Editor; onClose: () => void }) {
  const [name, setName] = useState(editor.project);
  const save = useSaveTemplate();
  const fault = NAME.test(name) ? undefined : "Small letters, digits and hyphens.";
  return (
    <Dialog isOpen onClose={onClose} title="Keep as a template" description="Other projects can begin with it. What they make of it is theirs.">
      <form
        className="contents"
        onSubmit={(event) => {
          event.preventDefault();
          if (fault !== undefined) return;
          save.mutate(
            { name, pipeline: read(editor.text).value },
            {
              onSuccess: () => {
                onClose();
                toast(`The template ${name} is kept.`);
              },
            },
          );
        }}
      >
        <DialogBody className="flex flex-col gap-4">
          <Field label="Name" error={fault}>
            {(attributes) => <Input {...attributes} value={name} onChange={({ target }) => setName(target.value)} className="code" autoComplete="off" autoCapitalize="off" spellCheck={false} autoFocus />}
          </Field>
          {save.isError && <ProblemPanel what="It was not kept" error={save.error} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" isBusy={save.isPending}>
            Keep
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}
