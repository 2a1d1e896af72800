import { useState } from "react";
import type { Variable } from "@/api/queries";
import { parseDotenv, soundsSecret } from "@/lib/dotenv";
import { Button } from "@/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, TextArea } from "@/ui/field";
import { type Edits, edited } from "./draft";

interface Props {
  saved: readonly Variable[];
  edits: Edits;
  onClose: () => void;
  onDone: (edits: Edits) => void;
}

/** Takes a whole `.env` file. Keys that sound like secrets become secrets. */
export function PasteDialog({ saved, edits, onClose, onDone }: Props) {
  const [text, setText] = useState("");
  const { entries, problems } = parseDotenv(text);
  let next = edits;
  for (const { key, value } of entries) {
    const before = saved.find((it) => it.key === key);
    const secret = before?.secret ?? soundsSecret(key, value);
    next = edited(next, saved, key, { value, secret, exposure: before?.exposure ?? "runtime" });
  }
  const added = entries.filter(({ key }) => !saved.some((it) => it.key === key)).length;
  const secrets = entries.filter(({ key, value }) => soundsSecret(key, value)).length;
  return (
    <Dialog isOpen onClose={onClose} width="medium" title="Paste a .env file" description="Nothing is saved yet: you see every change before.">
      <DialogBody className="flex flex-col gap-3">
        <Field
          label="Its contents"
          isLabelHidden
          error={problems.length === 0 ? undefined : problems.map(({ line, detail }) => `Line ${line} ${detail}.`).join(" ")}
        >
          {(attributes) => (
            <TextArea {...attributes} rows={12} value={text} onChange={(event) => setText(event.target.value)} className="code" spellCheck={false} autoFocus placeholder={'DATABASE_URL="postgres://…"\nLOG_LEVEL=info'} />
          )}
        </Field>
        <p role="status" className="text-sm text-muted">
          {entries.length === 0
            ? "Paste it above, or drop the file into the box."
            : `${added} new, ${entries.length - added} known; ${secrets} kept as secret.`}
        </p>
      </DialogBody>
      <DialogFooter>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" disabled={entries.length === 0} onClick={() => onDone(next)}>
          Take {entries.length === 1 ? "one variable" : `${entries.length} variables`}
        </Button>
      </DialogFooter>
    </Dialog>
  );
}
