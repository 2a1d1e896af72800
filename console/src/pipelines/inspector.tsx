import { useQuery } from "@tanstack/react-query";
import { ChevronRight, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { type Context, Fields, type FieldPath } from "@/schema-form/fields";
import { type Schema, resolved } from "@/schema-form/schema";
import { Button } from "@/ui/button";
import { Field, Input, Select } from "@/ui/field";
import { Skeleton } from "@/ui/skeleton";
import { KINDS, type Step, type StepKind, isKind } from "./model";
import { NeedsField } from "./needs-field";
import { pipelineSchemaQuery, pluginsQuery, servicesQuery } from "./queries";
import { StepIcon } from "./step-icon";
import type { Editor } from "./use-editor";

/** What nearly every step of a kind sets; the rest is one click away. */
const FIRST: Record<StepKind, string[]> = {
  service: ["image", "build", "service", "selectable_tags", "public", "ports", "needs", "variables"],
  build: ["repository", "reference", "root_directory", "dockerfile", "needs", "variables"],
  site: ["build", "single_page", "needs"],
  plugin: ["image", "parameters", "needs", "secrets"],
};

/** A step as a form, made from the JSON Schema of pipelines. */
export function Inspector({ editor, name }: { editor: Editor; name: string }) {
  const step = editor.pipeline.steps[name];
  const schema = useQuery(pipelineSchemaQuery()).data;
  if (step === undefined) return null;
  const kind = isKind(step.kind) ? step.kind : null;
  return (
    <section aria-label={`Step ${name}`} className="flex flex-col gap-4 p-4">
      <header className="flex items-start gap-3">
        <StepIcon kind={step.kind} />
        <div className="min-w-0 flex-1">
          <h2 className="truncate font-semibold">{name}</h2>
          <p className="text-xs text-muted">{kind === null ? "of no kind that is known" : `${KINDS[kind].label}: ${KINDS[kind].does.toLowerCase()}`}</p>
        </div>
        <Button size="icon" kind="quiet" aria-label={`Delete ${name}`} title="Delete" onClick={() => editor.remove(name)}>
          <Trash2 aria-hidden />
        </Button>
      </header>
      <NameField key={name} name={name} editor={editor} />
      {schema === undefined ? <Skeleton className="h-40" /> : kind !== null && <StepFields editor={editor} name={name} step={step} kind={kind} root={schema} />}
    </section>
  );
}

const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** Taken when one leaves the field: every letter in between would be another name. */
function NameField({ name, editor }: { name: string; editor: Editor }) {
  const [typed, setTyped] = useState(name);
  const fault = typed === name ? undefined : !NAME.test(typed) || typed.length > 63 ? "Small letters, digits and hyphens." : Object.hasOwn(editor.pipeline.steps, typed) ? "There is another step of that name." : undefined;
  const take = () => {
    if (typed !== name && fault === undefined) editor.rename(name, typed);
  };
  return (
    <Field label="Name" error={fault}>
      {(attributes) => (
        <Input
          {...attributes}
          value={typed}
          onChange={({ target }) => setTyped(target.value)}
          onBlur={take}
          onKeyDown={({ key }) => {
            if (key === "Enter") take();
            if (key === "Escape") setTyped(name);
          }}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          className="code"
        />
      )}
    </Field>
  );
}

function StepFields({ editor, name, step, kind, root }: { editor: Editor; name: string; step: Step; kind: StepKind; root: Schema }) {
  const [isAllShown, setIsAllShown] = useState(false);
  const variant = root.$defs?.["Step"]?.oneOf?.find((it) => it.properties?.["kind"]?.const === kind);
  if (variant === undefined) return null;
  const first = FIRST[kind];
  const rest = Object.keys(variant.properties ?? {}).filter((field) => !first.includes(field) && field !== "kind" && field !== "position");
  const problemOf = (path: FieldPath) => {
    const wanted = path.reduce<string>((text, part) => (typeof part === "number" ? `${text}[${part}]` : `${text}.${part}`), `steps.${name}`);
    const problem = editor.problems.find((it) => it.path === wanted);
    if (problem === undefined) return undefined;
    return problem.suggestion === null ? problem.message : `${problem.message}; did you mean \`${problem.suggestion}\`?`;
  };
  const change = (path: FieldPath, value: unknown) => editor.setField(["steps", name, ...path], value);
  const special: Context["special"] = {
    needs: () => <NeedsField key="needs" editor={editor} name={name} />,
    build: (value) => <StepChoice key="build" label="Build" hint={kind === "site" ? "The build whose files are served." : "The build whose image is run."} value={value} options={stepsOf(editor, "build").filter((it) => it !== name)} error={problemOf(["build"])} onChange={(next) => change(["build"], next)} />,
    service: (value) => <CatalogueChoice key="service" value={value} error={problemOf(["service"])} onChange={(next) => change(["service"], next)} />,
    ...(kind === "plugin" && { parameters: (value: unknown) => <PluginParameters key="parameters" step={step} value={value} problemOf={problemOf} onChange={change} /> }),
  };
  const context: Context = { root, onChange: change, problemOf, special };
  const general = editor.problems.filter((it) => it.path === `steps.${name}` || it.path === `steps.${name}.kind`);
  return (
    <>
      {general.map((problem) => (
        <p key={problem.message} className={problem.severity === "error" ? "text-sm text-bad" : "text-sm text-warn"}>
          {problem.message}
        </p>
      ))}
      <Fields schema={variant} value={step} path={[]} context={context} only={first} />
      <button type="button" aria-expanded={isAllShown} onClick={() => setIsAllShown(!isAllShown)} className="flex min-h-8 items-center gap-1 self-start rounded-md text-sm text-muted hover:text-ink">
        <ChevronRight aria-hidden className={`size-4 transition-transform ${isAllShown ? "rotate-90" : ""}`} /> {isAllShown ? "Less" : `${rest.length} more fields`}
      </button>
      {isAllShown && <Fields schema={variant} value={step} path={[]} context={context} only={rest} />}
    </>
  );
}

function stepsOf(editor: Editor, kind: StepKind): string[] {
  return Object.keys(editor.pipeline.steps).filter((it) => editor.pipeline.steps[it]?.kind === kind);
}

interface ChoiceProps {
  label: string;
  hint: ReactNode;
  value: unknown;
  options: readonly string[];
  error: string | undefined;
  onChange: (value: string | undefined) => void;
}

function StepChoice({ label, hint, value, options, error, onChange }: ChoiceProps) {
  const chosen = typeof value === "string" ? value : "";
  const all = chosen === "" || options.includes(chosen) ? options : [chosen, ...options];
  return (
    <Field label={label} hint={hint} error={error}>
      {(attributes) => (
        <Select {...attributes} value={chosen} onChange={({ target }) => onChange(target.value === "" ? undefined : target.value)}>
          <option value="">None</option>
          {all.map((option) => (
            <option key={option}>{option}</option>
          ))}
        </Select>
      )}
    </Field>
  );
}

function CatalogueChoice({ value, error, onChange }: Pick<ChoiceProps, "value" | "error" | "onChange">) {
  const names = useQuery(servicesQuery()).data?.map(({ name }) => name) ?? [];
  if (names.length === 0 && value === undefined) return null;
  return <StepChoice label="Of the catalogue" hint="What this step does not say itself is taken from there when it is saved." value={value} options={names} error={error} onChange={onChange} />;
}

/** The plugin's own schema makes its form. */
function PluginParameters({ step, value, problemOf, onChange }: { step: Step; value: unknown; problemOf: (path: FieldPath) => string | undefined; onChange: (path: FieldPath, value: unknown) => void }) {
  const plugins = useQuery(pluginsQuery()).data;
  const image = typeof step.image === "string" ? step.image.replace(/@.*$/, "").replace(/:[^:/]*$/, "") : "";
  const plugin = plugins?.find((it) => it.image === image);
  const schema = plugin?.schema;
  if (plugins === undefined) return <Skeleton className="h-20" />;
  if (schema === undefined) return <p className="text-xs text-muted">Its parameters are asked for when its image is that of a registered plugin.</p>;
  return (
    <div className="flex flex-col gap-4 border-l-2 border-rise/40 pl-3">
      <p className="text-xs text-muted">{plugin?.description}</p>
      <Fields schema={resolved(schema, schema)} value={value} path={["parameters"]} context={{ root: schema, onChange, problemOf }} />
    </div>
  );
}

