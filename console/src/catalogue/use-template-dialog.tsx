import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import { keepDraft } from "@/pipelines/drafts";
import { print } from "@/pipelines/text";
import { Button } from "@/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";

/** A project without a repository, with a pipeline to look over before it is saved. */
export function UseTemplateDialog({ name: template, pipeline, onClose }: { name: string; pipeline: unknown; onClose: () => void }) {
  const [name, setName] = useState("");
  const client = useQueryClient();
  const navigate = useNavigate();
  const make = useMutation({
    mutationFn: () => answer(api.POST("/api/v1/projects", { body: { name: name.trim() } })),
    onSuccess: ({ name: project }) => {
      keepDraft(project, { base: 0, text: print(pipeline) });
      void client.invalidateQueries({ queryKey: keys.projects() });
      void navigate({ to: "/projects/$project/pipeline", params: { project } });
    },
  });
  return (
    <Dialog isOpen onClose={onClose} title={`A project with ${template}`} description="Its pipeline opens in the editor; nothing runs before you deploy.">
      <form
        className="contents"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        <DialogBody className="flex flex-col gap-4">
          <Field label="Name of the project" hint="Small letters, digits and hyphens, as in a hostname.">
            {(attributes) => <Input {...attributes} value={name} onChange={({ target }) => setName(target.value)} className="code" placeholder="shop" autoComplete="off" autoCapitalize="off" spellCheck={false} autoFocus />}
          </Field>
          {make.isError && <ProblemPanel what="The project was not made" error={make.error} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" disabled={name.trim() === ""} isBusy={make.isPending}>
            Make it
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}
