import { useState } from "react";
import { Button } from "@/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Select } from "@/ui/field";
import { circleOf, edgesOf } from "./model";
import type { Editor } from "./use-editor";

/** Draws an arrow without dragging. */
export function ConnectDialog({ editor, from, onClose }: { editor: Editor; from: string; onClose: () => void }) {
  const { pipeline } = editor;
  const has = new Set(edgesOf(pipeline).filter((it) => it.from === from).map(({ to }) => to));
  const targets = Object.keys(pipeline.steps).filter((to) => to !== from && !has.has(to) && circleOf(pipeline, from, to) === null);
  const [to, setTo] = useState(targets[0] ?? "");
  return (
    <Dialog isOpen onClose={onClose} title={`What waits for ${from}?`}>
      <form
        className="contents"
        onSubmit={(event) => {
          event.preventDefault();
          if (to !== "") editor.connect(from, to);
          onClose();
        }}
      >
        <DialogBody>
          {targets.length === 0 ? (
            <p className="text-sm text-muted">Every other step waits for it already, or comes before it.</p>
          ) : (
            <Field label="Step">
              {(attributes) => (
                <Select {...attributes} autoFocus value={to} onChange={({ target }) => setTo(target.value)}>
                  {targets.map((it) => (
                    <option key={it}>{it}</option>
                  ))}
                </Select>
              )}
            </Field>
          )}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Go back</Button>
          <Button type="submit" kind="primary" disabled={targets.length === 0}>
            Connect
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}
