import { useState } from "react";
import type { Project } from "@/api/queries";
import { toast } from "@/ui/toast";
import { type Patch, useUpdateProject } from "../mutations";

interface Options {
  /** What is said when it is saved. */
  told?: string;
  /** A value as the server wants it, where people see it written otherwise. */
  asSent?: (value: unknown, name: string) => unknown;
}

/**
 * The values of a group of settings: those that were changed here, over those that the server has.
 *
 * Without a `part` they are members of the project itself.
 */
export function useSection<T extends object>(project: Project, part: keyof Patch | null, saved: T, { told = "Saved. The next deployment uses it.", asSent = (value) => value }: Options = {}) {
  const [changed, setChanged] = useState<Partial<T>>({});
  const update = useUpdateProject(project);
  const names = Object.keys(changed) as (keyof T)[];
  const dirty = names.filter((name) => changed[name] !== saved[name]);
  return {
    values: { ...saved, ...changed },
    set: (next: Partial<T>) => setChanged({ ...changed, ...next }),
    section: {
      isDirty: dirty.length > 0,
      isBusy: update.isPending,
      error: update.error,
      onReset: () => {
        setChanged({});
        update.reset();
      },
      onSubmit: () => {
        const said = Object.fromEntries(dirty.map((name) => [name, asSent(changed[name], String(name))]));
        update.mutate(part === null ? said : { [part]: said }, {
          onSuccess: () => {
            setChanged({});
            toast(told);
          },
        });
      },
    },
  };
}
