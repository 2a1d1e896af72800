import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Field, Input } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";

const SHORTEST = 10;

export function PasswordCard({ email }: { email: string }) {
  const [old, setOld] = useState("");
  const [next, setNext] = useState("");
  const change = useMutation({
    mutationFn: () => answer(api.POST("/api/v1/me/password", { body: { old_password: old, password: next } })),
    onSuccess: () => {
      setOld("");
      setNext("");
      toast("The password is changed. Every other sign-in has ended.");
    },
  });
  const isReady = old !== "" && next.length >= SHORTEST;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (isReady) change.mutate();
      }}
    >
      <Card
        title="Password"
        description="Every other sign-in of yours ends with it."
        footer={
          <Button type="submit" size="small" kind="primary" disabled={!isReady} isBusy={change.isPending}>
            Change it
          </Button>
        }
      >
        <input type="email" autoComplete="username" value={email} readOnly hidden />
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label="Present password">{(attributes) => <Input {...attributes} type="password" autoComplete="current-password" value={old} onChange={({ target }) => setOld(target.value)} />}</Field>
          <Field label="New password" hint={`At least ${SHORTEST} characters; a few words are better than symbols.`}>
            {(attributes) => <Input {...attributes} type="password" autoComplete="new-password" value={next} onChange={({ target }) => setNext(target.value)} />}
          </Field>
        </div>
        {change.isError && <ProblemPanel what="The password was not changed" error={change.error} className="mt-4" />}
      </Card>
    </form>
  );
}
