import { Trash2 } from "lucide-react";
import { useState } from "react";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Field, Input } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { type Visitors, useSetPassword, useTakePassword } from "./data";

const SHORTEST = 10;

/** What visitors are asked for: names, and passwords of which only a hash is kept. */
export function PasswordsCard({ project, passwords }: { project: string } & Pick<Visitors, "passwords">) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const set = useSetPassword(project);
  const take = useTakePassword(project);
  const isReady = name.trim() !== "" && password.length >= SHORTEST;
  return (
    <Card title="Passwords of visitors" description="A browser asks for the name and the password. Only a hash is kept: write them down where you need them." isFlush>
      {passwords.length === 0 && <p className="border-b border-line px-4 py-3 text-sm text-warn">There is none yet: only who may see the project gets in.</p>}
      <ul aria-label="Passwords of visitors">
        {passwords.map((it) => (
          <li key={it.name} className="flex min-h-12 items-center gap-3 border-b border-line px-4 py-2">
            <p className="min-w-0 flex-1 truncate text-sm font-medium">
              {it.name}{" "}
              <span className="text-xs font-normal text-muted">
                set <TimeAgo at={it.created_at} /> by {it.created_by}
              </span>
            </p>
            <Button size="icon" kind="quiet" title="Take it away" aria-label={`Take the password of ${it.name} away`} isBusy={take.isPending && take.variables === it.name} onClick={() => take.mutate(it.name, { onSuccess: () => toast(`${it.name} opens nothing any more.`) })}>
              <Trash2 aria-hidden />
            </Button>
          </li>
        ))}
      </ul>
      {take.isError && <ProblemPanel what="It was not taken away" error={take.error} className="m-4" />}
      <form
        className="flex flex-col gap-3 bg-sunken/60 px-4 py-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (!isReady) return;
          set.mutate(
            { name: name.trim(), password },
            {
              onSuccess: () => {
                toast(`${name.trim()} gets in with the new password.`);
                setName("");
                setPassword("");
              },
            },
          );
        }}
      >
        <div className="flex flex-wrap items-end gap-3">
          <Field label="Name" className="min-w-32 flex-1">
            {(attributes) => <Input {...attributes} value={name} onChange={({ target }) => setName(target.value)} className="code" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
          </Field>
          <Field label={`Password, at least ${SHORTEST} characters`} className="min-w-48 flex-1">
            {(attributes) => <Input {...attributes} type="password" value={password} onChange={({ target }) => setPassword(target.value)} autoComplete="new-password" />}
          </Field>
          <Button type="submit" disabled={!isReady} isBusy={set.isPending}>
            {passwords.some((it) => it.name === name.trim()) ? "Replace it" : "Add it"}
          </Button>
        </div>
        {set.isError && <ProblemPanel what="The password was not set" error={set.error} />}
      </form>
    </Card>
  );
}
