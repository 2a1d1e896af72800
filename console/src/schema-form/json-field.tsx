import { type ReactNode, useState } from "react";
import { Field, TextArea } from "@/ui/field";

interface Props {
  label: ReactNode;
  hint: ReactNode;
  error: string | undefined;
  value: unknown;
  onChange: (value: unknown) => void;
}

/** What no form can ask for. It is taken as soon as it is JSON. */
export function JsonField({ label, hint, error, value, onChange }: Props) {
  const [typed, setTyped] = useState<string | null>(null);
  const shown = typed ?? (value === undefined ? "" : JSON.stringify(value, null, 2));
  const fault = typed === null ? null : faultOf(typed);
  return (
    <Field label={label} hint={hint ?? "JSON"} error={fault ?? error}>
      {(attributes) => (
        <TextArea
          {...attributes}
          rows={Math.min(12, Math.max(2, shown.split("\n").length))}
          value={shown}
          onChange={({ target }) => {
            setTyped(target.value);
            if (target.value.trim() === "") onChange(undefined);
            else if (faultOf(target.value) === null) onChange(JSON.parse(target.value));
          }}
          onBlur={() => fault === null && setTyped(null)}
          spellCheck={false}
          className="code"
        />
      )}
    </Field>
  );
}

function faultOf(text: string): string | null {
  if (text.trim() === "") return null;
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return `Not JSON yet: ${error instanceof Error ? error.message : String(error)}`;
  }
}
