import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { signInOptionsQuery } from "@/api/queries";
import { Button } from "@/ui/button";
import { Field, Input } from "@/ui/field";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { AccessFrame } from "./access-frame";
import { ProviderButtons } from "./provider-buttons";

const SHORTEST_PASSWORD = 10;

const BACK = (
  <Link to="/login" search={{}} className="text-sm text-accent hover:underline">
    Sign in
  </Link>
);

/** Where everybody may make an account. The answer never tells whether an address has one. */
export function SignUpPage() {
  useTitle("Make an account");
  const options = useQuery(signInOptionsQuery());
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const ask = useMutation({
    mutationFn: () => answer(api.POST("/api/v1/auth/sign-up", { body: { email: email.trim(), ...(options.data?.mail === true ? {} : { password }) } })),
  });
  if (options.data === undefined) {
    return (
      <AccessFrame title="Make an account" description="">
        {options.isError ? <ProblemPanel error={options.error} /> : <Skeleton className="h-24" />}
      </AccessFrame>
    );
  }
  const { sign_up, mail } = options.data;
  if (sign_up !== "open") {
    return (
      <AccessFrame title="By invitation only" description="Not everybody may make an account here. Ask somebody who has one to invite you.">
        {BACK}
      </AccessFrame>
    );
  }
  if (ask.isSuccess) {
    const next = mail ? "A letter is on its way. Its link is good for three days." : "You may sign in now. If the address had an account already, its password is what it was.";
    return (
      <AccessFrame title={mail ? "See your post" : "That is all"} description={next}>
        {BACK}
      </AccessFrame>
    );
  }
  const isReady = email.includes("@") && (mail || password.length >= SHORTEST_PASSWORD);
  return (
    <AccessFrame title="Make an account" description="On this installation of Pierhead.">
      <form
        noValidate
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) ask.mutate();
        }}
      >
        <Field label="E-mail">
          {(attributes) => <Input {...attributes} type="email" value={email} onChange={({ target }) => setEmail(target.value)} autoComplete="username" autoFocus spellCheck={false} />}
        </Field>
        {!mail && (
          <Field label="Password" hint={`At least ${SHORTEST_PASSWORD} characters. A few words are better than symbols.`}>
            {(attributes) => <Input {...attributes} type="password" value={password} onChange={({ target }) => setPassword(target.value)} autoComplete="new-password" />}
          </Field>
        )}
        {ask.isError && <ProblemPanel error={ask.error} />}
        <Button type="submit" kind="primary" className="mt-1 h-9" disabled={!isReady} isBusy={ask.isPending}>
          Go on
        </Button>
      </form>
      <ProviderButtons next="/console/" />
      <p className="mt-6 text-xs text-muted">Have one already? {BACK}</p>
    </AccessFrame>
  );
}
