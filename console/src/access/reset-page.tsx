import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { session } from "@/api/session";
import { Button } from "@/ui/button";
import { Field, Input } from "@/ui/field";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { AccessFrame } from "./access-frame";

const SHORTEST_PASSWORD = 10;

const BACK = (
  <Link to="/login" search={{}} className="text-sm text-accent hover:underline">
    Sign in
  </Link>
);

/** With the link of a letter or of an administrator: another password. Without: asking for a letter. */
export function ResetPage() {
  useTitle("Another password");
  const [token] = useState(takeToken);
  return token === "" ? <Ask /> : <Choose token={token} />;
}

function Ask() {
  const [email, setEmail] = useState("");
  const ask = useMutation({ mutationFn: () => answer(api.POST("/api/v1/auth/password/forgot", { body: { email: email.trim() } })) });
  if (ask.isSuccess) {
    return (
      <AccessFrame title="See your post" description={`If ${email.trim()} has an account, a letter is on its way. Its link is good for an hour.`}>
        {BACK}
      </AccessFrame>
    );
  }
  return (
    <AccessFrame title="Forgot your password?" description="A letter with a link to set another one comes to your address.">
      <form
        noValidate
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (email.includes("@")) ask.mutate();
        }}
      >
        <Field label="E-mail">
          {(attributes) => <Input {...attributes} type="email" value={email} onChange={({ target }) => setEmail(target.value)} autoComplete="username" autoFocus spellCheck={false} />}
        </Field>
        {ask.isError && <ProblemPanel error={ask.error} />}
        <Button type="submit" kind="primary" className="mt-1 h-9" disabled={!email.includes("@")} isBusy={ask.isPending}>
          Send it
        </Button>
      </form>
      <p className="mt-6">{BACK}</p>
    </AccessFrame>
  );
}

function Choose({ token }: { token: string }) {
  const [password, setPassword] = useState("");
  const set = useMutation({
    mutationFn: () => answer(api.POST("/api/v1/auth/password/reset", { body: { token, password } })),
    // Every sign-in of the account has ended, perhaps the one of this browser too.
    onSuccess: () => session.ask(),
  });
  if (set.isSuccess) {
    return (
      <AccessFrame title="The password is set" description="Every sign-in of the account has ended: sign in with the new one.">
        {BACK}
      </AccessFrame>
    );
  }
  const isReady = password.length >= SHORTEST_PASSWORD;
  return (
    <AccessFrame title="Another password" description="Every sign-in of the account ends with it.">
      <form
        noValidate
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) set.mutate();
        }}
      >
        <Field label="New password" hint={`At least ${SHORTEST_PASSWORD} characters. A few words are better than symbols.`}>
          {(attributes) => <Input {...attributes} type="password" value={password} onChange={({ target }) => setPassword(target.value)} autoComplete="new-password" autoFocus />}
        </Field>
        {set.isError && <ProblemPanel error={set.error} />}
        <Button type="submit" kind="primary" className="mt-1 h-9" disabled={!isReady} isBusy={set.isPending}>
          Set it
        </Button>
      </form>
    </AccessFrame>
  );
}

/** From behind the `#`; then takes it out of the address, so that it stays in no history and in no screenshot. */
function takeToken(): string {
  const token = decodeURIComponent(location.hash.slice(1));
  if (token !== "") history.replaceState(history.state, "", location.pathname);
  return token;
}
