import { useState } from "react";
import { soundsSecret } from "@/lib/dotenv";
import { Button } from "@/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Input, Select, TextArea } from "@/ui/field";
import { type DraftRow, EXPOSURES, type Exposure, KEY, type Value } from "./draft";

interface Props {
  /** The one that is changed; a new one when nothing is said. */
  row?: DraftRow;
  taken: ReadonlySet<string>;
  onClose: () => void;
  onDone: (key: string, value: Value) => void;
}

export function VariableDialog({ row, taken, onClose, onDone }: Props) {
  const before = row?.edit === "removed" || row?.edit == null ? row?.saved : row.edit;
  const isKeptSecret = before?.secret === true && before.value === null;
  const [key, setKey] = useState(row?.key ?? "");
  const [value, setValue] = useState(before?.value ?? "");
  const [secret, setSecret] = useState(before?.secret ?? false);
  const [hasChosen, setHasChosen] = useState(row !== undefined);
  const [exposure, setExposure] = useState<Exposure>(before?.exposure ?? "runtime");
  const [isTried, setIsTried] = useState(false);
  const isSecret = hasChosen ? secret : soundsSecret(key, value);
  const problem = KEY.test(key)
    ? row === undefined && taken.has(key)
      ? `There is a variable ${key} already: change that one.`
      : undefined
    : "Letters, digits and _, not beginning with a digit.";
  // A secret's value is not known here, so it cannot become readable by ticking a box.
  const needsValue = isKeptSecret && !isSecret && value === "";
  const submit = () => {
    setIsTried(true);
    if (problem !== undefined || needsValue) return;
    onDone(key, { value: isKeptSecret && value === "" ? null : value, secret: isSecret, exposure });
  };
  return (
    <Dialog isOpen onClose={onClose} title={row === undefined ? "Add a variable" : `Change ${row.key}`}>
      <form
        className="contents"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <DialogBody className="flex flex-col gap-4">
          {row === undefined && (
            <Field label="Key" error={isTried ? problem : undefined}>
              {(attributes) => (
                <Input {...attributes} value={key} onChange={(event) => setKey(event.target.value)} className="code" autoComplete="off" autoCapitalize="off" spellCheck={false} autoFocus placeholder="DATABASE_URL" />
              )}
            </Field>
          )}
          <Field
            label="Value"
            hint={isKeptSecret ? "Empty: it keeps the value it has, which is never shown." : undefined}
            error={isTried && needsValue ? "A secret that becomes readable needs its value again." : undefined}
          >
            {(attributes) => (
              <TextArea {...attributes} rows={3} value={value} onChange={(event) => setValue(event.target.value)} className="code" autoComplete="off" spellCheck={false} autoFocus={row !== undefined} />
            )}
          </Field>
          <Field label="When it is there">
            {(attributes) => (
              <Select {...attributes} value={exposure} onChange={(event) => setExposure(event.target.value as Exposure)}>
                {Object.entries(EXPOSURES).map(([name, label]) => (
                  <option key={name} value={name}>
                    {label}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <label className="flex items-start gap-2 text-sm">
            <input
              type="checkbox"
              checked={isSecret}
              onChange={(event) => {
                setHasChosen(true);
                setSecret(event.target.checked);
              }}
              className="mt-0.5 size-4 accent-(--accent-solid)"
            />
            <span>
              Secret <span className="block text-xs text-muted">Never shown again, and hidden in logs.</span>
            </span>
          </label>
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary">
            {row === undefined ? "Add" : "Change"}
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}
