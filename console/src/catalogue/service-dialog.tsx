import { useQuery } from "@tanstack/react-query";
import { ChevronRight } from "lucide-react";
import { useState } from "react";
import { asProblem } from "@/api/problem";
import { isRecord } from "@/pipelines/model";
import { pipelineSchemaQuery } from "@/pipelines/queries";
import { type Context, type FieldPath, Fields } from "@/schema-form/fields";
import { Button } from "@/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { type Service, useSaveService } from "./mutations";

const FIRST = ["description", "image", "selectable_tags", "public", "ports", "variables"];
/** What belongs to a step of a pipeline, not to what is run. */
const OF_STEPS = ["kind", "needs", "position", "build", "service"];
/** What an answer says besides what may be set. */
const SAID = ["name", "tag_mode", "version", "created_by", "created_at", "updated_at"];

/** A service of the catalogue as a form, made from the JSON Schema of a service step. */
export function ServiceDialog({ service, onClose }: { service: Service | null; onClose: () => void }) {
  const [name, setName] = useState(service?.name ?? "");
  const [value, setValue] = useState<Record<string, unknown>>(() => startOf(service));
  const [isAllShown, setIsAllShown] = useState(false);
  const root = useQuery(pipelineSchemaQuery()).data;
  const save = useSaveService(service);
  const problem = save.isError ? asProblem(save.error) : null;
  const schema = root?.$defs?.["Step"]?.oneOf?.find((it) => it.properties?.["kind"]?.const === "service");
  const rest = Object.keys(schema?.properties ?? {}).filter((it) => !FIRST.includes(it) && !OF_STEPS.includes(it));
  const context: Context = {
    root: root ?? {},
    onChange: (path, next) => setValue((before) => withValue(before, path, next)),
    problemOf: (path) => problem?.fields.find(({ pointer }) => pointer === `/${path.join("/")}`)?.detail,
  };
  const submit = () =>
    save.mutate(
      { ...value, name },
      {
        onSuccess: () => {
          onClose();
          toast(service === null ? `${name} is in the catalogue.` : `${name} is changed. Pipelines take it when they are saved again.`);
        },
      },
    );
  return (
    <Dialog isOpen onClose={onClose} title={service === null ? "Add a service" : `Change ${service.name}`} description="What a step of a pipeline does not say itself is taken from here when it is saved." width="medium">
      <form
        className="contents"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <DialogBody className="flex flex-col gap-4">
          <Field label="Name" error={context.problemOf(["name"])}>
            {(attributes) => <Input {...attributes} value={name} disabled={service !== null} onChange={({ target }) => setName(target.value)} className="code" placeholder="api" autoComplete="off" autoCapitalize="off" spellCheck={false} autoFocus />}
          </Field>
          {schema === undefined ? (
            <Skeleton className="h-60" />
          ) : (
            <>
              <Fields schema={schema} value={value} path={[]} context={context} only={FIRST} />
              <button type="button" aria-expanded={isAllShown} onClick={() => setIsAllShown(!isAllShown)} className="flex min-h-8 items-center gap-1 self-start rounded-md text-sm text-muted hover:text-ink">
                <ChevronRight aria-hidden className={`size-4 transition-transform ${isAllShown ? "rotate-90" : ""}`} /> {isAllShown ? "Less" : `${rest.length} more fields`}
              </button>
              {isAllShown && <Fields schema={schema} value={value} path={[]} context={context} only={rest} />}
            </>
          )}
          {problem !== null && <ProblemPanel what="The service was not saved" error={problem} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" isBusy={save.isPending}>
            {service === null ? "Add" : "Save"}
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}

function startOf(service: Service | null): Record<string, unknown> {
  if (service === null) return {};
  const set = Object.entries(service).filter(([field, value]) => !SAID.includes(field) && value !== null && !isEmpty(value));
  return Object.fromEntries(set);
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : isRecord(value) && Object.keys(value).length === 0;
}

/** The value with one field of it set, or taken away. */
export function withValue(value: Record<string, unknown>, path: FieldPath, next: unknown): Record<string, unknown> {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  const { [String(name)]: before, ...others } = value;
  const inner = rest.length === 0 ? next : withValue(isRecord(before) ? before : {}, rest, next);
  const isGone = inner === undefined || (rest.length > 0 && isRecord(inner) && Object.keys(inner).length === 0);
  return isGone ? others : { ...value, [String(name)]: inner };
}
