import { LockKeyhole, Pencil, Trash2, Undo2 } from "lucide-react";
import { cn } from "@/lib/cn";
import { Button } from "@/ui/button";
import { CopyButton } from "@/ui/copy";
import { TimeAgo } from "@/ui/time-ago";
import { type DraftRow, EXPOSURES } from "./draft";

interface Props {
  row: DraftRow;
  onChange: () => void;
  onRemove: () => void;
  onUndo: () => void;
}

export const STATUS = {
  same: null,
  added: { word: "New", look: "bg-good-wash text-good" },
  changed: { word: "Changed", look: "bg-build-wash text-build" },
  removed: { word: "Removed", look: "bg-bad-wash text-bad" },
} as const;

export function VariableRow({ row, onChange, onRemove, onUndo }: Props) {
  const { key, saved, edit, status } = row;
  const shown = edit === null || edit === "removed" ? saved : edit;
  const mark = STATUS[status];
  return (
    <tr className="border-b border-line last:border-0 max-sm:grid max-sm:grid-cols-[1fr_auto] max-sm:px-4 max-sm:py-2">
      <th scope="row" className="px-4 py-2 text-left align-middle font-normal max-sm:p-0">
        <span className={cn("code text-sm", status === "removed" && "text-muted line-through")}>{key}</span>
        {mark !== null && <span className={cn("ml-2 rounded-full px-1.5 py-0.5 text-2xs font-medium", mark.look)}>{mark.word}</span>}
      </th>
      <td className="max-w-0 px-4 py-2 text-sm max-sm:col-start-1 max-sm:max-w-full max-sm:p-0 sm:w-2/5">
        {shown?.secret === true ? (
          <span className="inline-flex items-center gap-1.5 text-muted">
            <LockKeyhole aria-hidden className="size-3.5" /> {shown.value === null ? "Secret" : "Secret, new value"}
          </span>
        ) : (
          <span className="flex min-w-0 items-center gap-1">
            <code className="code truncate" title={shown?.value ?? ""}>
              {shown?.value === "" ? <span className="text-faint">empty</span> : shown?.value}
            </code>
            {shown?.value != null && <CopyButton text={shown.value} what={`the value of ${key}`} />}
          </span>
        )}
      </td>
      <td className="px-4 py-2 text-xs whitespace-nowrap text-muted max-sm:col-start-1 max-sm:p-0">{shown !== null && EXPOSURES[shown.exposure]}</td>
      <td className="tabular px-4 py-2 text-xs whitespace-nowrap text-muted max-md:hidden">{saved !== null && <TimeAgo at={saved.updated_at} />}</td>
      <td className="py-2 pr-2 text-right whitespace-nowrap max-sm:col-start-2 max-sm:row-span-3 max-sm:row-start-1 max-sm:p-0">
        {status === "same" || status === "changed" || status === "added" ? (
          <Button size="icon" kind="quiet" aria-label={`Change ${key}`} title="Change" onClick={onChange}>
            <Pencil aria-hidden />
          </Button>
        ) : null}
        {status === "same" ? (
          <Button size="icon" kind="quiet" aria-label={`Remove ${key}`} title="Remove" onClick={onRemove}>
            <Trash2 aria-hidden />
          </Button>
        ) : (
          <Button size="icon" kind="quiet" aria-label={`Undo the change of ${key}`} title="Undo" onClick={onUndo}>
            <Undo2 aria-hidden />
          </Button>
        )}
      </td>
    </tr>
  );
}
