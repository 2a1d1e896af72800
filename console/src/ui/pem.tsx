import { Field, TextArea } from "./field";

interface Props {
  label: string;
  hint: string;
  value: string;
  onChange: (text: string) => void;
  error: string | undefined;
  accept: string;
}

/** What is between BEGIN and END: pasted, or taken from a file. */
export function Pem({ label, hint, value, onChange, error, accept }: Props) {
  return (
    <div className="flex flex-col gap-1.5">
      <Field label={label} hint={hint} error={error}>
        {(attributes) => <TextArea {...attributes} rows={4} value={value} onChange={({ target }) => onChange(target.value)} className="code text-xs" placeholder="-----BEGIN …" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
      </Field>
      <input
        type="file"
        accept={accept}
        aria-label={`${label} from a file`}
        onChange={({ target }) => void target.files?.[0]?.text().then(onChange)}
        className="text-xs text-muted file:mr-2 file:h-7 file:rounded-md file:border file:border-line file:bg-surface file:px-2.5 file:text-ink"
      />
    </div>
  );
}
