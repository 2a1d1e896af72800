import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import { Button } from "@/ui/button";
import { Command, CopyButton } from "@/ui/copy";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";

type Scope = Schemas["Scope"];

const SCOPES: [Scope, string][] = [
  ["read", "See everything"],
  ["write", "Deploy, roll back, change settings"],
  ["delete", "Delete"],
];

const DAY_S = 86_400;
const LIVES: [number, string][] = [
  [7, "A week"],
  [30, "30 days"],
  [90, "90 days"],
  [365, "A year"],
];

export function NewTokenDialog({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>(["read", "write"]);
  const [days, setDays] = useState(90);
  const [isTried, setIsTried] = useState(false);
  const make = useMutation({
    mutationFn: () =>
      answer(api.POST("/api/v1/tokens", { body: { name: name.trim(), scopes: [...scopes], expires_in_s: days * DAY_S } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.tokens() }),
  });
  const token = make.data?.token;
  if (token != null) {
    return (
      <Dialog isOpen onClose={onClose} width="medium" title={`${name.trim()} is made`} description="It is shown this once: copy it before you close this.">
        <DialogBody className="flex flex-col gap-3">
          <p className="flex items-center gap-1 rounded-md border border-line bg-sunken py-1 pr-1 pl-2.5">
            <code className="code min-w-0 flex-1 text-sm break-all">{token}</code>
            <CopyButton text={token} what="token" />
          </p>
          <p className="text-sm text-muted">The command line takes it from its environment:</p>
          <Command text={`PIERHEAD_URL=${location.origin} PIERHEAD_TOKEN=${token} pierhead projects`} />
        </DialogBody>
        <DialogFooter>
          <Button kind="primary" onClick={onClose}>
            I have copied it
          </Button>
        </DialogFooter>
      </Dialog>
    );
  }
  const problem = name.trim() === "" ? "Say what it is for, to know it again." : undefined;
  return (
    <Dialog isOpen onClose={onClose} title="New API token">
      <form
        className="contents"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          setIsTried(true);
          if (problem === undefined && scopes.length > 0) make.mutate();
        }}
      >
        <DialogBody className="flex flex-col gap-4">
          <Field label="Name" error={isTried ? problem : undefined}>
            {(attributes) => <Input {...attributes} value={name} onChange={(event) => setName(event.target.value)} maxLength={100} placeholder="ci" autoComplete="off" autoFocus />}
          </Field>
          <fieldset className="flex flex-col gap-1.5 text-sm">
            <legend className="mb-1 font-medium">May</legend>
            {SCOPES.map(([scope, label]) => (
              <label key={scope} className="flex min-h-6 items-center gap-2">
                <input
                  type="checkbox"
                  checked={scopes.includes(scope)}
                  onChange={(event) => setScopes(event.target.checked ? [...scopes, scope] : scopes.filter((it) => it !== scope))}
                  className="size-4 accent-(--accent-solid)"
                />
                {label}
              </label>
            ))}
            {isTried && scopes.length === 0 && <p className="text-xs text-bad">Choose at least one.</p>}
          </fieldset>
          <Field label="Good for">
            {(attributes) => (
              <Select {...attributes} value={days} onChange={(event) => setDays(Number(event.target.value))}>
                {LIVES.map(([value, label]) => (
                  <option key={value} value={value}>
                    {label}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          {make.isError && <ProblemPanel what="The token was not made" error={make.error} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" isBusy={make.isPending}>
            Make it
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}
