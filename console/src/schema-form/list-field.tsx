import { Plus, X } from "lucide-react";
import { type ReactNode, useId } from "react";
import { Button } from "@/ui/button";
import { Input } from "@/ui/field";
import { numberOf, textOf } from "./fields";

interface Props {
  label: ReactNode;
  name: string;
  hint: ReactNode;
  error: string | undefined;
  value: unknown;
  isNumeric: boolean;
  problemOf: (index: number) => string | undefined;
  onChange: (value: unknown) => void;
}

/** Several values in their order. */
export function ListField({ label, name, hint, error, value, isNumeric, problemOf, onChange }: Props) {
  const id = useId();
  const items: unknown[] = Array.isArray(value) ? value : [];
  const put = (next: unknown[]) => onChange(next.length === 0 ? undefined : next);
  return (
    <div role="group" aria-labelledby={id} className="flex flex-col gap-1">
      <span id={id} className="text-sm font-medium">
        {label}
      </span>
      {items.map((item, index) => {
        const problem = problemOf(index);
        return (
          <div key={index}>
            <div className="flex gap-1">
              <Input
                aria-label={`${name} ${index + 1}`}
                aria-invalid={problem !== undefined || undefined}
                value={textOf(item)}
                inputMode={isNumeric ? "numeric" : undefined}
                onChange={({ target }) => put(items.with(index, isNumeric ? (numberOf(target.value) ?? "") : target.value))}
                autoComplete="off"
                autoCapitalize="off"
                spellCheck={false}
                className="code"
              />
              <Button size="icon" kind="quiet" aria-label={`Remove ${name} ${index + 1}`} onClick={() => put(items.toSpliced(index, 1))}>
                <X aria-hidden />
              </Button>
            </div>
            {problem !== undefined && <p className="text-xs text-bad">{problem}</p>}
          </div>
        );
      })}
      <Button size="small" className="self-start" aria-label={`Add to ${name}`} onClick={() => put([...items, ""])}>
        <Plus aria-hidden /> Add
      </Button>
      {error !== undefined && <p className="text-xs text-bad">{error}</p>}
      {hint !== undefined && <p className="text-xs text-muted">{hint}</p>}
    </div>
  );
}
