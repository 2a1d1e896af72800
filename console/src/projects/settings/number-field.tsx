import { Field, Input } from "@/ui/field";

interface Props {
  label: string;
  unit: string;
  hint?: string;
  value: number;
  min: number;
  max?: number;
  step?: number;
  onChange: (value: number) => void;
}

export function NumberField({ label, unit, hint, value, min, max, step = 1, onChange }: Props) {
  const error =
    Number.isNaN(value) || value < min || (max !== undefined && value > max)
      ? `A number from ${min}${max === undefined ? "" : ` to ${max}`}.`
      : undefined;
  return (
    <Field label={label} hint={hint} error={error}>
      {(attributes) => (
        <span className="flex items-center gap-2">
          <Input
            {...attributes}
            type="number"
            inputMode="decimal"
            min={min}
            max={max}
            step={step}
            value={Number.isNaN(value) ? "" : value}
            onChange={(event) => onChange(event.target.valueAsNumber)}
            className="tabular max-w-32 text-right"
          />
          <span className="text-sm text-muted">{unit}</span>
        </span>
      )}
    </Field>
  );
}
