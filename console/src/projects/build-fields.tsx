import type { Plan } from "@/api/queries";
import { Field, Input } from "@/ui/field";
import { Prose } from "@/ui/prose";
import { Toggle } from "@/ui/toggle";

/** `null` is found out at each deployment; an empty command skips its part. */
export interface BuildValues {
  install_command: string | null;
  build_command: string | null;
  output_directory: string | null;
  start_command: string | null;
  runtime_version: string | null;
  port: number | null;
}

interface FieldOf {
  name: Exclude<keyof BuildValues, "port">;
  label: string;
  isCommand: boolean;
  hint?: string;
  for: (kind: Plan["kind"] | undefined) => boolean;
}

const FIELDS: FieldOf[] = [
  { name: "install_command", label: "Install command", isCommand: true, for: (kind) => kind !== "image" },
  { name: "build_command", label: "Build command", isCommand: true, for: (kind) => kind !== "image" },
  {
    name: "output_directory",
    label: "Output directory",
    isCommand: false,
    hint: "What is published of a site, relative to the root directory.",
    for: (kind) => kind === undefined || kind === "site",
  },
  {
    name: "start_command",
    label: "Start command",
    isCommand: true,
    hint: "Must listen on 0.0.0.0 at the port in PORT.",
    for: (kind) => kind === undefined || kind === "service",
  },
  { name: "runtime_version", label: "Runtime version", isCommand: false, for: (kind) => kind !== "image" },
];

interface Props {
  values: BuildValues;
  onChange: (values: BuildValues) => void;
  /** What is used where nothing is said; with it come only the fields that matter. */
  plan: Plan | null;
}

export function BuildFields({ values, onChange, plan }: Props) {
  const reasonOf = (name: string) => plan?.reasons.find(({ field }) => field === name)?.because;
  return (
    <>
      {FIELDS.filter((field) => field.for(plan?.kind)).map(({ name, label, isCommand, hint }) => {
        const found = plan?.[name] ?? null;
        const because = reasonOf(name);
        const value = values[name];
        const isSkipped = isCommand && value === "";
        const set = (next: string | null) => onChange({ ...values, [name]: next });
        return (
          <Field key={name} label={label} hint={value === null && because !== undefined ? <Prose text={because} /> : hint}>
            {(attributes) => (
              <span className="flex gap-1.5">
                <Input
                  {...attributes}
                  value={value ?? ""}
                  disabled={isSkipped}
                  placeholder={isSkipped ? "skipped" : (found ?? (plan === null ? "detected" : "none"))}
                  onChange={(event) => set(event.target.value === "" ? null : event.target.value)}
                  className="code"
                  autoComplete="off"
                  spellCheck={false}
                />
                {isCommand && (
                  <Toggle isOn={isSkipped} onClick={() => set(isSkipped ? null : "")} aria-label={`Skip: ${label}`} className="h-8 max-sm:h-10">
                    Skip
                  </Toggle>
                )}
              </span>
            )}
          </Field>
        );
      })}
      {plan?.kind !== "site" && (
        <Field label="Port" hint={values.port === null ? <Prose text={reasonOf("port") ?? ""} /> : undefined}>
          {(attributes) => (
            <Input
              {...attributes}
              type="number"
              min={1}
              max={65535}
              value={values.port ?? ""}
              placeholder={String(plan?.port ?? "detected")}
              onChange={(event) => onChange({ ...values, port: event.target.value === "" ? null : event.target.valueAsNumber })}
              className="tabular max-w-32"
            />
          )}
        </Field>
      )}
    </>
  );
}

export const NOTHING_SAID: BuildValues = {
  install_command: null,
  build_command: null,
  output_directory: null,
  start_command: null,
  runtime_version: null,
  port: null,
};
