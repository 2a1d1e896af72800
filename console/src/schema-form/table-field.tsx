import { Plus, X } from "lucide-react";
import { type ReactNode, useId, useState } from "react";
import { Button } from "@/ui/button";
import { Input } from "@/ui/field";
import { isRecord } from "@/pipelines/model";
import { textOf } from "./fields";

interface Props {
  label: ReactNode;
  name: string;
  hint: ReactNode;
  error: string | undefined;
  value: unknown;
  problemOf: (key: string) => string | undefined;
  onChange: (value: unknown) => void;
}

/** Values by names of one's own, such as variables. */
export function TableField({ label, name, hint, error, value, problemOf, onChange }: Props) {
  const id = useId();
  const rows = Object.entries(isRecord(value) ? value : {});
  const [added, setAdded] = useState("");
  const put = (next: [string, unknown][]) => onChange(next.length === 0 ? undefined : Object.fromEntries(next));
  const add = () => {
    const key = added.trim();
    if (key === "") return;
    if (!rows.some(([it]) => it === key)) put([...rows, [key, ""]]);
    setAdded("");
  };
  return (
    <div role="group" aria-labelledby={id} className="flex flex-col gap-1.5">
      <span id={id} className="text-sm font-medium">
        {label}
      </span>
      {rows.map(([key, item], index) => {
        const problem = problemOf(key);
        return (
          <div key={key} className="rounded-md border border-line bg-sunken/50 py-1 pr-1 pl-2">
            <div className="flex items-center gap-1">
              <code className="code min-w-0 flex-1 text-xs">{key}</code>
              <Button size="icon" kind="quiet" className="size-6!" aria-label={`Remove ${key}`} onClick={() => put(rows.toSpliced(index, 1))}>
                <X aria-hidden />
              </Button>
            </div>
            <Input
              aria-label={`${name}: ${key}`}
              aria-invalid={problem !== undefined || undefined}
              value={textOf(item)}
              onChange={({ target }) => put(rows.with(index, [key, target.value]))}
              autoComplete="off"
              autoCapitalize="off"
              spellCheck={false}
              className="code mb-0.5"
            />
            {problem !== undefined && <p className="text-xs text-bad">{problem}</p>}
          </div>
        );
      })}
      <div className="flex gap-1">
        <Input
          aria-label={`New name in ${name}`}
          placeholder="NAME"
          value={added}
          onChange={({ target }) => setAdded(target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            add();
          }}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          className="code"
        />
        <Button aria-label={`Add to ${name}`} onClick={add}>
          <Plus aria-hidden /> Add
        </Button>
      </div>
      {error !== undefined && <p className="text-xs text-bad">{error}</p>}
      {hint !== undefined && <p className="text-xs text-muted">{hint}</p>}
    </div>
  );
}
