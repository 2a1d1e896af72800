import { type ReactNode, useState } from "react";
import { asProblem } from "@/api/problem";
import { Button } from "@/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { ProblemPanel } from "@/ui/problem-panel";
import { YamlEditor } from "@/ui/yaml-editor";

interface Props {
  title: string;
  description: ReactNode;
  begin: string;
  action: string;
  isBusy: boolean;
  error: unknown;
  onSave: (text: string) => void;
  onClose: () => void;
}

/** A document of the catalogue, as it also lies in a repository: what is wrong is marked on its line. */
export function DocumentDialog({ title, description, begin, action, isBusy, error, onSave, onClose }: Props) {
  const [text, setText] = useState(begin);
  const problem = error === null ? null : asProblem(error);
  const markers = problem?.fields.flatMap(({ detail }) => {
    const line = Number(/^line (\d+):/.exec(detail)?.[1] ?? Number.NaN);
    return Number.isInteger(line) ? [{ line, message: detail, isError: true }] : [];
  });
  return (
    <Dialog isOpen onClose={onClose} title={title} description={description} width="wide">
      <DialogBody className="flex flex-col gap-4">
        <div className="overflow-hidden rounded-md border border-line-strong/70">
          <YamlEditor value={text} onChange={setText} label="Its text" markers={markers ?? []} className="h-[min(24rem,50dvh)]" />
        </div>
        {problem !== null && <ProblemPanel what="It was not saved" error={problem} />}
      </DialogBody>
      <DialogFooter>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" isBusy={isBusy} onClick={() => onSave(text)}>
          {action}
        </Button>
      </DialogFooter>
    </Dialog>
  );
}
