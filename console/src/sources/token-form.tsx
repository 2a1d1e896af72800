import { useState } from "react";
import { Button } from "@/ui/button";
import { Field, Input } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { useGiveToken } from "./mutations";
import type { Following } from "./queries";

/** For an https address: a token that may read the repository, and the name that some servers want beside it. */
export function TokenForm({ project, access }: { project: string; access: Following["access"] }) {
  const [token, setToken] = useState("");
  const [username, setUsername] = useState("");
  const give = useGiveToken(project);
  const hasOne = access.credential === "token";
  return (
    <form
      className="flex flex-col gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (token.trim() === "") return;
        give.mutate(
          { token: token.trim(), username: username.trim() || null },
          {
            onSuccess: () => {
              setToken("");
              setUsername("");
              toast(`The token for ${project} is kept.`);
            },
          },
        );
      }}
    >
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={hasOne ? "Another token" : "Token"} hint="One that may read this repository and nothing else is enough.">
          {(attributes) => <Input {...attributes} type="password" value={token} onChange={({ target }) => setToken(target.value)} className="code" autoComplete="off" />}
        </Field>
        <Field label="Name beside it" hint="Most servers take any: leave it empty.">
          {(attributes) => <Input {...attributes} value={username} onChange={({ target }) => setUsername(target.value)} className="code" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
        </Field>
      </div>
      {give.isError && <ProblemPanel what="The token was not taken" error={give.error} />}
      <Button type="submit" size="small" className="self-start" disabled={token.trim() === ""} isBusy={give.isPending}>
        {hasOne ? "Take this one instead" : "Keep it"}
      </Button>
    </form>
  );
}
