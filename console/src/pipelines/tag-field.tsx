import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useId } from "react";
import { Field, Input } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { timeAgo } from "@/lib/time";
import { useNow } from "@/lib/now";
import { tagsQuery } from "./queries";

interface Props {
  project: string;
  service: string;
  /** Empty for the usual one. */
  value: string;
  onChange: (tag: string) => void;
  error?: string | undefined;
}

const SHOWN = 6;

/** Picks a tag among those that the registry has now; any other may be typed, and the server says whether it may be chosen. */
export function TagField({ project, service, value, onChange, error }: Props) {
  const id = useId();
  const q = useDeferredValue(value);
  const query = useQuery(tagsQuery(project, service, ""));
  const found = useQuery({ ...tagsQuery(project, service, q), enabled: q !== "" });
  const tags = query.data;
  const items = (q === "" ? undefined : found.data?.items) ?? tags?.items ?? [];
  const newest = tags?.items.slice(0, SHOWN) ?? [];
  const now = useNow(newest[0]?.created_at ?? 0);
  if (query.isError) {
    return (
      <div className="flex flex-col gap-2">
        <Plain service={service} value={value} onChange={onChange} error={error} hint="Its registry could not be asked: type the tag." />
        <ProblemPanel what={`The tags of ${service} could not be read`} error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} />
      </div>
    );
  }
  return (
    <div className="flex flex-col gap-1.5">
      <Field
        label={`Tag of ${service}`}
        error={error}
        hint={
          <>
            {tags?.pattern != null && (
              <>
                Any that matches <code className="code">{tags.pattern}</code>.{" "}
              </>
            )}
            {tags?.default != null && `Empty: ${tags.default}. `}
            {tags?.stale != null && <span className="text-warn">An older list: {tags.stale}</span>}
          </>
        }
      >
        {(attributes) => <Input {...attributes} list={id} value={value} placeholder={tags?.default ?? undefined} onChange={({ target }) => onChange(target.value.trim())} className="code" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
      </Field>
      <datalist id={id}>
        {items.map(({ name }) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {newest.length > 0 && (
        <div role="group" aria-label={`Newest tags of ${service}`} className="flex flex-wrap gap-1">
          {newest.map(({ name, created_at }) => (
            <button
              key={name}
              type="button"
              aria-pressed={value === name}
              onClick={() => onChange(value === name ? "" : name)}
              className={`inline-flex min-h-7 items-center gap-1.5 rounded-md border px-2 text-xs hover:bg-hover ${value === name ? "border-accent bg-accent-wash text-accent" : "border-line"}`}
            >
              <span className="code">{name}</span>
              {created_at !== null && <span className="text-muted">{timeAgo(created_at, now)}</span>}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function Plain({ service, value, onChange, error, hint }: Omit<Props, "project"> & { hint: string }) {
  return (
    <Field label={`Tag of ${service}`} error={error} hint={hint}>
      {(attributes) => <Input {...attributes} value={value} onChange={({ target }) => onChange(target.value.trim())} className="code" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
    </Field>
  );
}
