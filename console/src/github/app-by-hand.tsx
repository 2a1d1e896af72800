import { useState } from "react";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Field, Input } from "@/ui/field";
import { Pem } from "@/ui/pem";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { useSetApp } from "./mutations";

const EMPTY = { id: "", url: "", private_key: "", client_secret: "", webhook_secret: "" };

/** An app that is there already, or one of a server of one's own. GitHub is asked whether it knows it. */
export function AppByHand({ onSet }: { onSet: () => void }) {
  const [values, setValues] = useState(EMPTY);
  const [isTried, setIsTried] = useState(false);
  const set = useSetApp();
  const change = (next: Partial<typeof EMPTY>) => setValues((before) => ({ ...before, ...next }));
  const id = Number(values.id.trim());
  const isNumber = Number.isSafeInteger(id) && id > 0;
  const isWhole = isNumber && [values.private_key, values.client_secret, values.webhook_secret].every((it) => it.trim() !== "");
  const lacking = (name: keyof typeof EMPTY) => (isTried && values[name].trim() === "" ? "Needed." : undefined);
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setIsTried(true);
        if (!isWhole) return;
        const { url, private_key, client_secret, webhook_secret } = values;
        set.mutate(
          { id, url: url.trim() || null, private_key, client_secret: client_secret.trim(), webhook_secret: webhook_secret.trim() },
          {
            onSuccess: ({ name }) => {
              setValues(EMPTY);
              setIsTried(false);
              toast(`${name} is used from now on.`);
              onSet();
            },
          },
        );
      }}
    >
      <Card
        title="Use one that is there already"
        description="Or one of a GitHub Enterprise Server. What it needs is in the documentation of GitHub Apps; GitHub is asked whether it knows it by its key."
        footer={
          <Button type="submit" isBusy={set.isPending}>
            Use it
          </Button>
        }
      >
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label="Number of the app" hint="“App ID” on its page." error={isTried && !isNumber ? "A whole number, as on the page of the app." : undefined}>
            {(attributes) => <Input {...attributes} value={values.id} onChange={({ target }) => change({ id: target.value })} inputMode="numeric" className="code" autoComplete="off" />}
          </Field>
          <Field label="Server" hint="Empty: github.com.">
            {(attributes) => <Input {...attributes} value={values.url} onChange={({ target }) => change({ url: target.value })} className="code" inputMode="url" placeholder="https://github.example.com" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
          </Field>
          <Field label="Client secret" error={lacking("client_secret")}>
            {(attributes) => <Input {...attributes} type="password" value={values.client_secret} onChange={({ target }) => change({ client_secret: target.value })} className="code" autoComplete="off" />}
          </Field>
          <Field label="Webhook secret" error={lacking("webhook_secret")}>
            {(attributes) => <Input {...attributes} type="password" value={values.webhook_secret} onChange={({ target }) => change({ webhook_secret: target.value })} className="code" autoComplete="off" />}
          </Field>
          <div className="sm:col-span-2">
            <Pem label="Private key" hint="GitHub gives it as a file." value={values.private_key} onChange={(private_key) => change({ private_key })} error={lacking("private_key")} accept=".pem,.key" />
          </div>
        </div>
        {set.isError && <ProblemPanel what="The app was not taken" error={set.error} className="mt-4" />}
      </Card>
    </form>
  );
}
