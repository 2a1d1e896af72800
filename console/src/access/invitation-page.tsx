import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { meQuery } from "@/api/queries";
import { session } from "@/api/session";
import { useAnswerInvitation } from "@/teams/mutations";
import { type Invitation, ROLES } from "@/teams/queries";
import { Button } from "@/ui/button";
import { Field, Input } from "@/ui/field";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { AccessFrame } from "./access-frame";
import { signOut } from "./sign-out";

const SHORTEST_PASSWORD = 10;

/** Where an invitation's link leads: who invites, into what; with the account one has, or with a new one. */
export function InvitationPage() {
  useTitle("Invitation");
  const [token] = useState(takeToken);
  const invitation = useQuery({
    queryKey: ["invitation", token],
    queryFn: () => answer(api.POST("/api/v1/auth/invitation", { body: { token } })),
    enabled: token !== "",
    staleTime: Infinity,
  });
  if (token === "") {
    return (
      <AccessFrame title="The link is not whole" description="Open it as it was sent to you, with all that stands behind the #.">
        <Link to="/login" search={{}} className="text-sm text-accent hover:underline">
          Sign in instead
        </Link>
      </AccessFrame>
    );
  }
  if (invitation.isError) {
    return (
      <AccessFrame title="This invitation is no good any more" description="It was used, withdrawn, or has expired. Ask whoever invited you for another.">
        <ProblemPanel error={invitation.error} />
      </AccessFrame>
    );
  }
  if (invitation.data === undefined) {
    return (
      <AccessFrame title="An invitation" description="">
        <Skeleton className="h-24" />
      </AccessFrame>
    );
  }
  return <Shown invitation={invitation.data} token={token} />;
}

function Shown({ invitation, token }: { invitation: Invitation; token: string }) {
  const { team, role, email, invited_by, expires_at } = invitation;
  return (
    <AccessFrame
      title={team === null ? "You are invited to Pierhead" : `You are invited into ${team}`}
      description={
        <>
          By {invited_by}, for {email}
          {team !== null && <>, as {ROLES[role].label.toLowerCase()}: {ROLES[role].may.toLowerCase()}</>}. Good until <TimeAgo at={expires_at} />.
        </>
      }
    >
      {session.isSignedIn ? <WithAccount email={email} token={token} /> : <NewAccount email={email} token={token} />}
    </AccessFrame>
  );
}

/** Only the account with the address that was invited can. */
function WithAccount({ email, token }: { email: string; token: string }) {
  const me = useQuery(meQuery()).data;
  const navigate = useNavigate();
  const reply = useAnswerInvitation();
  const send = (accept: boolean) => reply.mutate({ accept, token }, { onSuccess: () => void navigate({ to: accept ? "/teams" : "/" }) });
  if (me === undefined) return <Skeleton className="h-9" />;
  if (me.email !== email) {
    return (
      <div className="flex flex-col gap-4 text-sm">
        <p>
          You are signed in as {me.email}. The invitation is for {email}.
        </p>
        <Button onClick={() => void signOut()}>Sign out</Button>
      </div>
    );
  }
  return (
    <div className="flex flex-col gap-4">
      {reply.isError && <ProblemPanel error={reply.error} />}
      <div className="flex gap-2">
        <Button className="flex-1" disabled={reply.isPending} onClick={() => send(false)}>
          Decline
        </Button>
        <Button kind="primary" className="flex-1" isBusy={reply.isPending} onClick={() => send(true)}>
          Accept
        </Button>
      </div>
    </div>
  );
}

function NewAccount({ email, token }: { email: string; token: string }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [isTried, setIsTried] = useState(false);
  const navigate = useNavigate();
  const make = useMutation({
    mutationFn: () => answer(api.POST("/api/v1/auth/browser/accept", { body: { token, name: name.trim() || null, password } })),
    onSuccess: async (signedIn) => {
      session.begin(signedIn);
      await navigate({ to: "/" });
    },
  });
  const isShort = password.length < SHORTEST_PASSWORD;
  return (
    <form
      noValidate
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        setIsTried(true);
        if (!isShort) make.mutate();
      }}
    >
      <Field label="E-mail">{(attributes) => <Input {...attributes} type="email" value={email} readOnly autoComplete="username" />}</Field>
      <Field label="Name" hint="As the others see you. Empty: what stands before the @.">
        {(attributes) => <Input {...attributes} value={name} onChange={({ target }) => setName(target.value)} autoComplete="name" autoFocus />}
      </Field>
      <Field label="Password" error={isTried && isShort ? `Use at least ${SHORTEST_PASSWORD} characters.` : undefined} hint="A few words are better than symbols.">
        {(attributes) => <Input {...attributes} type="password" value={password} onChange={({ target }) => setPassword(target.value)} autoComplete="new-password" />}
      </Field>
      {make.isError && <ProblemPanel error={make.error} />}
      <Button type="submit" kind="primary" className="mt-1 h-9" isBusy={make.isPending}>
        Make the account and join
      </Button>
      <p className="text-xs text-muted">
        Have one already?{" "}
        <Link to="/login" search={{ next: `/invitation#${token}` }} className="underline underline-offset-2 hover:text-ink">
          Sign in
        </Link>{" "}
        and accept there.
      </p>
    </form>
  );
}

/** From behind the `#`; then takes it out of the address, so that it stays in no history and in no screenshot. */
function takeToken(): string {
  const token = decodeURIComponent(location.hash.slice(1));
  if (token !== "") history.replaceState(history.state, "", location.pathname);
  return token;
}
