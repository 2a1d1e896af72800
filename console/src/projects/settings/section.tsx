import type { ReactNode, SyntheticEvent } from "react";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { ProblemPanel } from "@/ui/problem-panel";

interface Props {
  id: string;
  title: string;
  description: ReactNode;
  isDirty: boolean;
  isBusy: boolean;
  error: unknown;
  onReset: () => void;
  onSubmit: () => void;
  children: ReactNode;
}

/** A group of settings that is saved together. Nothing running changes by it: the next deployment does. */
export function Section({ id, title, description, isDirty, isBusy, error, onReset, onSubmit, children }: Props) {
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (isDirty) onSubmit();
  };
  return (
    <form id={id} noValidate onSubmit={submit}>
      <Card
        title={title}
        description={description}
        footer={
          <>
            {isDirty && (
              <Button onClick={onReset} size="small" kind="quiet">
                Discard
              </Button>
            )}
            <Button type="submit" size="small" kind="primary" disabled={!isDirty} isBusy={isBusy}>
              Save
            </Button>
          </>
        }
      >
        <div className="grid gap-x-6 gap-y-4 sm:grid-cols-2">{children}</div>
        {error !== null && <ProblemPanel what={`${title}: not saved`} error={error} className="mt-4" />}
      </Card>
    </form>
  );
}
