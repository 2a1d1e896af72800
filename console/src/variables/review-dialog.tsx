import { Button } from "@/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { ProblemPanel } from "@/ui/problem-panel";
import { cn } from "@/lib/cn";
import { type DraftRow, EXPOSURES, type Value } from "./draft";
import { STATUS } from "./variable-row";

interface Props {
  rows: readonly DraftRow[];
  isBusy: boolean;
  error: unknown;
  onClose: () => void;
  onSave: (andDeploy: boolean) => void;
}

/** Every change before it is made: what was, what will be. */
export function ReviewDialog({ rows, isBusy, error, onClose, onSave }: Props) {
  return (
    <Dialog
      isOpen
      onClose={onClose}
      width="medium"
      title={rows.length === 1 ? "One change" : `${rows.length} changes`}
      description="What runs now keeps the variables it was started with, until the next deployment."
    >
      <DialogBody className="flex flex-col gap-3">
        <ul className="overflow-clip rounded-lg border border-line">
          {rows.map(({ key, saved, edit, status }) => {
            const mark = STATUS[status];
            return (
              <li key={key} className="border-b border-line px-3 py-2 text-sm last:border-0">
                <p className="flex items-center gap-2">
                  <code className="code font-medium">{key}</code>
                  {mark !== null && <span className={cn("rounded-full px-1.5 py-0.5 text-2xs font-medium", mark.look)}>{mark.word}</span>}
                </p>
                {saved !== null && <Line sign="−" value={saved} />}
                {edit !== null && edit !== "removed" && <Line sign="+" value={edit} />}
              </li>
            );
          })}
        </ul>
        {error !== null && <ProblemPanel what="The variables were not saved" error={error} />}
      </DialogBody>
      <DialogFooter>
        <Button onClick={onClose} className="mr-auto">
          Cancel
        </Button>
        <Button isBusy={isBusy} onClick={() => onSave(false)}>
          Save
        </Button>
        <Button kind="primary" isBusy={isBusy} onClick={() => onSave(true)}>
          Save and deploy
        </Button>
      </DialogFooter>
    </Dialog>
  );
}

function Line({ sign, value: { value, secret, exposure } }: { sign: "−" | "+"; value: Value }) {
  return (
    <p className={cn("flex gap-2 text-xs", sign === "+" ? "text-good" : "text-bad")}>
      <span aria-label={sign === "+" ? "after" : "before"}>{sign}</span>
      <code className="code min-w-0 flex-1 break-all">{secret ? (value === null ? "••• (kept)" : "••• (new)") : value === "" ? "(empty)" : value}</code>
      <span className="text-muted">{EXPOSURES[exposure]}</span>
    </p>
  );
}
