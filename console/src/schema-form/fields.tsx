import type { ReactNode } from "react";
import { cn } from "@/lib/cn";
import { Field, Input, Select, TextArea } from "@/ui/field";
import { Prose } from "@/ui/prose";
import { JsonField } from "./json-field";
import { ListField } from "./list-field";
import { type Schema, hintOf, labelOf, resolved, shapeOf } from "./schema";
import { TableField } from "./table-field";

export type FieldPath = readonly (string | number)[];

export interface Context {
  /** Where `$ref` leads. */
  root: Schema;
  onChange: (path: FieldPath, value: unknown) => void;
  /** What is wrong with a field, by its path joined with dots. */
  problemOf: (path: FieldPath) => string | undefined;
  /** Fields that are asked for in a way of their own, by their path joined with dots. */
  special?: Record<string, (value: unknown) => ReactNode>;
}

interface Props {
  schema: Schema;
  value: unknown;
  path: FieldPath;
  context: Context;
  /** Only these fields of an object, in this order. */
  only?: readonly string[];
}

/** The fields of an object, made from its JSON Schema. */
export function Fields({ schema, value, path, context, only }: Props) {
  const shape = shapeOf(schema, context.root);
  if (shape.kind !== "object") return null;
  const record = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const names = only?.filter((name) => Object.hasOwn(shape.properties, name)) ?? Object.keys(shape.properties);
  return (
    <div className="flex flex-col gap-4">
      {names.map((name) => (
        <One key={name} name={name} schema={shape.properties[name] ?? {}} value={record[name]} path={[...path, name]} context={context} isRequired={shape.required.includes(name)} />
      ))}
    </div>
  );
}

interface OneProps extends Omit<Props, "only"> {
  name: string;
  isRequired: boolean;
}

function One({ name, schema: given, value, path, context, isRequired }: OneProps) {
  const special = context.special?.[path.join(".")];
  if (special !== undefined) return special(value);
  const shape = shapeOf(given, context.root);
  const schema = resolved(given, context.root);
  const label = (
    <>
      {labelOf(name)} {isRequired && <span className="font-normal text-muted">(needed)</span>}
    </>
  );
  const said = hintOf(schema);
  const hint = said === undefined ? undefined : <Prose text={said} />;
  const error = context.problemOf(path);
  const change = (next: unknown) => context.onChange(path, next);
  switch (shape.kind) {
    case "text":
    case "secret":
      return (
        <Field label={label} hint={hint} error={error}>
          {(attributes) => (
            <Input
              {...attributes}
              value={textOf(value)}
              placeholder={textOf(schema.examples?.[0])}
              onChange={({ target }) => change(target.value === "" ? undefined : target.value)}
              autoComplete="off"
              autoCapitalize="off"
              spellCheck={false}
              className="code"
            />
          )}
        </Field>
      );
    case "lines":
      return (
        <Field label={label} hint={hint} error={error}>
          {(attributes) => <TextArea {...attributes} rows={5} value={textOf(value)} onChange={({ target }) => change(target.value === "" ? undefined : target.value)} spellCheck={false} className="code" />}
        </Field>
      );
    case "number":
      return (
        <Field label={label} hint={hint} error={error}>
          {(attributes) => (
            <Input
              {...attributes}
              inputMode={shape.isWhole ? "numeric" : "decimal"}
              value={textOf(value)}
              placeholder={textOf(schema.default)}
              onChange={({ target }) => change(numberOf(target.value))}
              autoComplete="off"
              className="tabular max-w-40"
            />
          )}
        </Field>
      );
    case "flag":
      return (
        <label className="flex items-start gap-2 text-sm">
          <input
            type="checkbox"
            checked={typeof value === "boolean" ? value : schema.default === true}
            onChange={({ target }) => change(target.checked === (schema.default === true) ? undefined : target.checked)}
            className="mt-0.5 size-4 shrink-0 accent-(--accent-solid)"
          />
          <span className="min-w-0">
            {label}
            {hint !== undefined && <span className="block text-xs text-muted">{hint}</span>}
            {error !== undefined && <span className="block text-xs text-bad">{error}</span>}
          </span>
        </label>
      );
    case "choice":
      return (
        <Field label={label} hint={hint} error={error}>
          {(attributes) => (
            <Select {...attributes} value={textOf(value)} onChange={({ target }) => change(target.value === "" ? undefined : target.value)}>
              {(!isRequired || textOf(value) === "") && <option value="">{typeof schema.default === "string" ? `${schema.default} (usual)` : "Not set"}</option>}
              {shape.options.map((option) => (
                <option key={option}>{option}</option>
              ))}
            </Select>
          )}
        </Field>
      );
    case "list":
      return <ListField label={label} name={labelOf(name)} hint={hint} value={value} isNumeric={resolved(shape.item, context.root).type !== "string"} problemOf={(index) => context.problemOf([...path, index])} error={error} onChange={change} />;
    case "table":
      return <TableField label={label} name={labelOf(name)} hint={hint} value={value} problemOf={(key) => context.problemOf([...path, key])} error={error} onChange={change} />;
    case "object":
      return (
        <Group label={label} hint={hint} error={error}>
          <Fields schema={schema} value={value} path={path} context={context} />
        </Group>
      );
    case "variants": {
      const record = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
      const chosen = shape.variants.find((it) => it.name === record[shape.by]);
      const rest = Object.keys(chosen?.schema.properties ?? {}).filter((it) => it !== shape.by);
      return (
        <Group label={label} hint={hint} error={error}>
          <Field label={labelOf(shape.by)} hint={chosen?.schema.description}>
            {(attributes) => (
              <Select {...attributes} value={chosen?.name ?? ""} onChange={({ target }) => change(target.value === "" ? undefined : { [shape.by]: target.value })}>
                <option value="">Not set</option>
                {shape.variants.map((it) => (
                  <option key={it.name}>{it.name}</option>
                ))}
              </Select>
            )}
          </Field>
          {chosen !== undefined && rest.length > 0 && <Fields schema={chosen.schema} value={record} path={path} context={context} only={rest} />}
        </Group>
      );
    }
    case "json":
      return <JsonField label={label} hint={hint} error={error} value={value} onChange={change} />;
  }
}

export function Group({ label, hint, error, className, children }: { label: ReactNode; hint?: ReactNode; error?: string | undefined; className?: string; children: ReactNode }) {
  return (
    <fieldset className={cn("min-w-0 border-l-2 border-line pl-3", className)}>
      <legend className="float-left mb-2 w-full text-sm font-medium">
        {label}
        {hint !== undefined && <span className="block text-xs font-normal text-muted">{hint}</span>}
        {error !== undefined && <span className="block text-xs font-normal text-bad">{error}</span>}
      </legend>
      <div className="clear-both flex flex-col gap-4">{children}</div>
    </fieldset>
  );
}

export function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** A number when it is one, else what was typed, so that it can be typed to its end; references stay texts. */
export function numberOf(typed: string): unknown {
  if (typed.trim() === "") return undefined;
  return /^-?\d+(\.\d+)?$/.test(typed.trim()) ? Number(typed) : typed;
}
