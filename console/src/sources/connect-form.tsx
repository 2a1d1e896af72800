import { useState } from "react";
import { Button } from "@/ui/button";
import { Field, Input, Select } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { useConnect } from "./mutations";

const SERVICES = { gitlab: "GitLab", gitea: "Gitea or Forgejo", github: "GitHub" } as const;

/** With a token that may write statuses and comments, and make webhooks. */
export function ConnectForm({ project }: { project: string }) {
  const [provider, setProvider] = useState<keyof typeof SERVICES>("gitlab");
  const [token, setToken] = useState("");
  const [apiUrl, setApiUrl] = useState("");
  const connect = useConnect(project);
  return (
    <form
      className="flex flex-col gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (token.trim() === "") return;
        connect.mutate(
          { provider, token: token.trim(), api_url: apiUrl.trim() || null },
          {
            onSuccess: () => {
              setToken("");
              toast("It is connected.");
            },
          },
        );
      }}
    >
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Service">
          {(attributes) => (
            <Select {...attributes} value={provider} onChange={({ target }) => setProvider(target.value as keyof typeof SERVICES)}>
              {Object.entries(SERVICES).map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Token of the service" hint="It is kept sealed and never shown.">
          {(attributes) => <Input {...attributes} type="password" value={token} onChange={({ target }) => setToken(target.value)} className="code" autoComplete="off" />}
        </Field>
        <Field label="Address of its API" hint="Empty: where servers of that kind have it." className="sm:col-span-2">
          {(attributes) => <Input {...attributes} value={apiUrl} onChange={({ target }) => setApiUrl(target.value)} className="code" inputMode="url" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
        </Field>
      </div>
      {connect.isError && <ProblemPanel what="It was not connected" error={connect.error} />}
      <Button type="submit" size="small" className="self-start" disabled={token.trim() === ""} isBusy={connect.isPending}>
        Connect it
      </Button>
    </form>
  );
}
