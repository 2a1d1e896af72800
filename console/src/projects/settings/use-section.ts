import { useState } from "react";
import type { Project } from "@/api/queries";
import { toast } from "@/ui/toast";
import { type Patch, useUpdateProject } from "../mutations";

/** The values of a group of settings: those that were changed here, over those that the server has. */
export function useSection<T extends object>(project: Project, part: keyof Patch, saved: T) {
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
      onSubmit: () =>
        update.mutate(
          { [part]: Object.fromEntries(dirty.map((name) => [name, changed[name]])) },
          {
            onSuccess: () => {
              setChanged({});
              toast("Saved. The next deployment uses it.");
            },
          },
        ),
    },
  };
}
