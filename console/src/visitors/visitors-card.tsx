import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Section } from "@/projects/settings/section";
import { Field, Input, Select } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { ACCESS, type Access, type Visitors, useSayVisitors, visitorsQuery } from "./data";
import { PasswordsCard } from "./passwords-card";

/** Who may visit what the project shows, and how often. */
export function VisitorsCard({ project }: { project: string }) {
  const query = useQuery(visitorsQuery(project));
  if (query.isError) return <ProblemPanel what="Who may visit it could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />;
  if (query.data === undefined) return <Skeleton className="h-64 rounded-xl" />;
  return (
    <>
      <Said project={project} visitors={query.data} />
      {(query.data.passwords.length > 0 || [query.data.production, query.data.previews].includes("password")) && <PasswordsCard project={project} passwords={query.data.passwords} />}
    </>
  );
}

interface Values {
  production: Access;
  previews: Access;
  /** Empty: as many as they like. */
  perMinute: string;
}

const MOST_PER_MINUTE = 1_000_000;

function Said({ project, visitors }: { project: string; visitors: Visitors }) {
  const { production, previews, rate_limit, wake_page_after_s } = visitors;
  const saved: Values = { production, previews, perMinute: rate_limit === null ? "" : String(rate_limit.per_minute) };
  const [changed, setChanged] = useState<Partial<Values>>({});
  const say = useSayVisitors(project);
  const values = { ...saved, ...changed };
  const isDirty = (Object.keys(saved) as (keyof Values)[]).some((name) => values[name] !== saved[name]);
  const perMinute = Number(values.perMinute);
  const fault = values.perMinute === "" || (Number.isInteger(perMinute) && perMinute >= 1 && perMinute <= MOST_PER_MINUTE) ? undefined : `A whole number from 1 to ${MOST_PER_MINUTE}, or nothing.`;
  const save = () => {
    if (fault !== undefined) return;
    // What is left out is the default again, so what is not shown here is said as it was.
    const limit = values.perMinute === "" ? null : { per_minute: perMinute, burst: rate_limit?.burst ?? null };
    say.mutate(
      { production: values.production, previews: values.previews, rate_limit: limit, wake_page_after_s },
      {
        onSuccess: () => {
          setChanged({});
          toast("Saved. It holds within seconds.");
        },
      },
    );
  };
  return (
    <Section id="visitors" title="Visitors" description="Who may visit it: what is deployed already too." isDirty={isDirty} isBusy={say.isPending} error={say.error} onReset={() => setChanged({})} onSubmit={save}>
      <AccessField label="Production is for" value={values.production} onChange={(next) => setChanged({ ...changed, production: next })} />
      <AccessField label="Every other slot is for" value={values.previews} onChange={(next) => setChanged({ ...changed, previews: next })} />
      <Field label="Requests of one address" hint="In a minute, to one hostname. Empty: as many as it likes." error={fault}>
        {(attributes) => (
          <Input {...attributes} inputMode="numeric" value={values.perMinute} onChange={({ target }) => setChanged({ ...changed, perMinute: target.value.trim() })} className="tabular max-w-32 text-right" autoComplete="off" />
        )}
      </Field>
    </Section>
  );
}

function AccessField({ label, value, onChange }: { label: string; value: Access; onChange: (next: Access) => void }) {
  return (
    <Field label={label}>
      {(attributes) => (
        <Select {...attributes} value={value} onChange={({ target }) => onChange(target.value as Access)}>
          {Object.entries(ACCESS).map(([access, words]) => (
            <option key={access} value={access}>
              {words}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
