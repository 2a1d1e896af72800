import { useEffect, useRef, useState } from "react";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Field, Input } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { useManifest } from "./mutations";

/** GitHub fills its own form in: it is posted a manifest, asks the administrator, and comes back with a code. */
export function AppManifest() {
  const [organization, setOrganization] = useState("");
  const manifest = useManifest();
  const made = manifest.data;
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (made !== undefined) form.current?.submit();
  }, [made]);
  return (
    <Card title="Make one at github.com" description="With the permissions and the addresses that it needs. GitHub shows you what it is about to make, and comes back here.">
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          manifest.mutate(organization.trim() || null);
        }}
      >
        <Field label="Organisation" hint="Whose app it is. Empty: your own account's.">
          {(attributes) => <Input {...attributes} value={organization} onChange={({ target }) => setOrganization(target.value)} className="code sm:max-w-80" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
        </Field>
        {manifest.isError && <ProblemPanel what="There is no manifest" error={manifest.error} />}
        <Button type="submit" kind="primary" className="self-start" isBusy={manifest.isPending || made !== undefined}>
          Make it at GitHub
        </Button>
      </form>
      {made !== undefined && (
        <form ref={form} method="post" action={made.url} hidden>
          <input type="hidden" name="manifest" value={JSON.stringify(made.manifest)} />
        </form>
      )}
    </Card>
  );
}
