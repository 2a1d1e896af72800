import { type ReactNode, useState } from "react";
import { Button } from "./button";
import { Dialog, DialogBody, DialogFooter } from "./dialog";
import { Command } from "./copy";
import { Field, Input } from "./field";
import { ProblemPanel } from "./problem-panel";

interface Props {
  isOpen: boolean;
  onClose: () => void;
  title: string;
  /** What disappears or changes, by name. */
  children: ReactNode;
  action: string;
  isDangerous?: boolean;
  /** For what cannot be undone: the name to type. */
  typed?: string;
  command?: string;
  isBusy: boolean;
  error: unknown;
  onConfirm: () => void;
}

export function Confirm({ isOpen, onClose, title, children, action, isDangerous, typed, command, isBusy, error, onConfirm }: Props) {
  const [said, setSaid] = useState("");
  const close = () => {
    setSaid("");
    onClose();
  };
  const isReady = typed === undefined || said === typed;
  return (
    <Dialog isOpen={isOpen} onClose={close} title={title}>
      <form
        className="contents"
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady && !isBusy) onConfirm();
        }}
      >
        <DialogBody className="flex flex-col gap-4 text-sm">
          <div className="flex flex-col gap-2 text-muted">{children}</div>
          {typed !== undefined && (
            <Field label={<>Type <code className="code select-all">{typed}</code> to go on</>}>
              {(attributes) => (
                <Input
                  {...attributes}
                  value={said}
                  onChange={(event) => setSaid(event.target.value)}
                  autoComplete="off"
                  spellCheck={false}
                />
              )}
            </Field>
          )}
          {command !== undefined && <Command text={command} />}
          {error !== null && <ProblemPanel error={error} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={close}>Go back</Button>
          <Button type="submit" kind={isDangerous === true ? "danger" : "primary"} disabled={!isReady} isBusy={isBusy}>
            {action}
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}
