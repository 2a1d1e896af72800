import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useForm, useWatch } from "react-hook-form";
import * as z from "zod/mini";
import { answer, api } from "@/api/client";
import { session } from "@/api/session";
import { Button } from "@/ui/button";
import { Command } from "@/ui/copy";
import { Field, Input } from "@/ui/field";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { AccessFrame } from "./access-frame";

const SHORTEST_PASSWORD = 10;

const schema = z.object({
  token: z.string().check(z.minLength(1, "Paste the token that the server printed.")),
  email: z.string().check(z.email("Enter an e-mail address.")),
  password: z.string().check(z.minLength(SHORTEST_PASSWORD, `Use at least ${SHORTEST_PASSWORD} characters.`)),
});

type Values = z.infer<typeof schema>;

export function SetupPage() {
  useTitle("Set up");
  const navigate = useNavigate();
  const [linked] = useState(takeTokenFromAddress);
  const { register, handleSubmit, formState, control } = useForm<Values>({
    resolver: zodResolver(schema),
    defaultValues: { token: linked, email: "", password: "" },
  });
  const setUp = useMutation({
    mutationFn: ({ token, email, password }: Values) =>
      answer(api.POST("/api/v1/auth/browser/setup", { body: { token: token.trim(), email, password } })),
    onSuccess: async (signedIn) => {
      session.begin(signedIn);
      await navigate({ to: "/projects/new" });
    },
  });
  const { errors } = formState;
  const password = useWatch({ control, name: "password" });
  return (
    <AccessFrame
      title="Set up Pierhead"
      description="This makes the first administrator. The link works once, on an empty installation."
    >
      <form noValidate className="flex flex-col gap-4" onSubmit={(event) => void handleSubmit((values) => setUp.mutate(values))(event)}>
        {linked === "" && (
          <Field label="Set-up token" error={errors.token?.message} hint="From the terminal in which the server started.">
            {(attributes) => (
              <Input {...attributes} {...register("token")} className="code" autoComplete="off" autoFocus spellCheck={false} />
            )}
          </Field>
        )}
        <Field label="E-mail" error={errors.email?.message}>
          {(attributes) => (
            <Input {...attributes} {...register("email")} type="email" autoComplete="username" autoFocus={linked !== ""} spellCheck={false} />
          )}
        </Field>
        <Field label="Password" error={errors.password?.message} hint={<PasswordLength password={password} />}>
          {(attributes) => <Input {...attributes} {...register("password")} type="password" autoComplete="new-password" />}
        </Field>
        {setUp.isError && <ProblemPanel error={setUp.error} />}
        <Button type="submit" kind="primary" className="mt-1 h-9" isBusy={setUp.isPending}>
          Make the administrator
        </Button>
      </form>
      <div className="mt-6 flex flex-col gap-2 border-t border-line pt-4 text-xs text-muted">
        <p>
          Used or expired? A server without an administrator prints a new token when it starts. If there is one already,{" "}
          <Link to="/login" className="underline underline-offset-2 hover:text-ink">
            sign in
          </Link>
          .
        </p>
        <Command text="pierhead up" />
      </div>
    </AccessFrame>
  );
}

function PasswordLength({ password }: { password: string }) {
  const missing = SHORTEST_PASSWORD - password.length;
  if (missing > 0) return `${missing} more character${missing === 1 ? "" : "s"}. A few words are better than symbols.`;
  return "Long enough. A password manager remembers it for you.";
}

/** From `#token=` or `?token=`; then takes it out of the address, so that it stays in no history and in no screenshot. */
function takeTokenFromAddress(): string {
  const fragment = new URLSearchParams(location.hash.slice(1)).get("token");
  const query = new URLSearchParams(location.search).get("token");
  const token = fragment ?? query ?? "";
  if (token !== "") history.replaceState(history.state, "", location.pathname);
  return token;
}
