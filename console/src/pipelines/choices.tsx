import type { ProblemError } from "@/api/problem";
import { Field, Input, Select } from "@/ui/field";
import { type Pipeline, choosableOf } from "./model";
import { TagField } from "./tag-field";

export interface Chosen {
  tags: Record<string, string>;
  parameters: Record<string, string>;
}

export const NOTHING_CHOSEN: Chosen = { tags: {}, parameters: {} };

interface Props {
  project: string;
  pipeline: Pipeline;
  chosen: Chosen;
  onChange: (chosen: Chosen) => void;
  error?: ProblemError | null;
}

/** What is asked for when a pipeline is run: tags of services, values of parameters. */
export function Choices({ project, pipeline, chosen, onChange, error }: Props) {
  const wrong = (pointer: string) => error?.fields.find((it) => it.pointer === pointer)?.detail;
  const setTag = (service: string, tag: string) => onChange({ ...chosen, tags: with_(chosen.tags, service, tag) });
  const setParameter = (name: string, value: string) => onChange({ ...chosen, parameters: with_(chosen.parameters, name, value) });
  return (
    <>
      {choosableOf(pipeline).map((service) => (
        <TagField key={service} project={project} service={service} value={chosen.tags[service] ?? ""} onChange={(tag) => setTag(service, tag)} error={wrong(`/tags/${service}`)} />
      ))}
      {Object.entries(pipeline.parameters).map(([name, { description, default: usual, options = [] }]) => (
        <Field key={name} label={name} hint={[description, typeof usual === "string" ? `Empty: ${usual}` : "Needed"].filter(Boolean).join(". ")} error={wrong(`/parameters/${name}`)}>
          {(attributes) =>
            options.length > 0 ? (
              <Select {...attributes} value={chosen.parameters[name] ?? ""} onChange={({ target }) => setParameter(name, target.value)}>
                <option value="">{typeof usual === "string" ? `${usual} (usual)` : "Choose"}</option>
                {options.map((option) => (
                  <option key={option}>{option}</option>
                ))}
              </Select>
            ) : (
              <Input {...attributes} value={chosen.parameters[name] ?? ""} placeholder={usual ?? undefined} onChange={({ target }) => setParameter(name, target.value)} autoComplete="off" />
            )
          }
        </Field>
      ))}
    </>
  );
}

function with_(values: Record<string, string>, name: string, value: string): Record<string, string> {
  const others = Object.entries(values).filter(([it]) => it !== name);
  return Object.fromEntries(value === "" ? others : [...others, [name, value]]);
}
