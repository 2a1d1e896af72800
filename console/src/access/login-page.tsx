import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { useForm } from "react-hook-form";
import * as z from "zod/mini";
import { answer, api } from "@/api/client";
import { signInOptionsQuery } from "@/api/queries";
import { session } from "@/api/session";
import { Button } from "@/ui/button";
import { Field, Input } from "@/ui/field";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { AccessFrame } from "./access-frame";
import { ProviderButtons } from "./provider-buttons";
import { refusalText } from "./refusals";

const schema = z.object({
  email: z.string().check(z.minLength(1, "Enter your e-mail address.")),
  password: z.string().check(z.minLength(1, "Enter your password.")),
});

type Values = z.infer<typeof schema>;

const LINK = "underline underline-offset-2 hover:text-ink";

export function LoginPage() {
  useTitle("Sign in");
  const { next, problem } = useSearch({ from: "/login" });
  const options = useQuery(signInOptionsQuery()).data;
  const { register, handleSubmit, formState } = useForm<Values>({ resolver: zodResolver(schema) });
  const login = useMutation({
    mutationFn: (body: Values) => answer(api.POST("/api/v1/auth/browser", { body })),
    // The router goes on where one wanted to go.
    onSuccess: (begun) => session.begin(begun),
  });
  const refusal = refusalText(problem);
  return (
    <AccessFrame title="Sign in to Pierhead" description="With the account of this installation.">
      {refusal !== null && (
        <p role="alert" className="mb-4 rounded-md border border-bad/40 bg-bad-wash px-3 py-2 text-sm">
          {refusal}
        </p>
      )}
      {!window.isSecureContext && (
        <p role="alert" className="mb-4 rounded-md border border-bad/40 bg-bad-wash px-3 py-2 text-sm">
          This page came without encryption, and browsers keep no session then. Open the console by HTTPS, or as localhost.
        </p>
      )}
      <form noValidate className="flex flex-col gap-4" onSubmit={(event) => void handleSubmit((values) => login.mutate(values))(event)}>
        <Field label="E-mail" error={formState.errors.email?.message}>
          {(attributes) => (
            <Input {...attributes} {...register("email")} type="email" autoComplete="username" autoFocus spellCheck={false} />
          )}
        </Field>
        <Field label="Password" error={formState.errors.password?.message}>
          {(attributes) => <Input {...attributes} {...register("password")} type="password" autoComplete="current-password" />}
        </Field>
        {login.isError && <ProblemPanel error={login.error} />}
        <Button type="submit" kind="primary" className="mt-1 h-9" isBusy={login.isPending}>
          Sign in
        </Button>
      </form>
      <ProviderButtons next={`/console${next ?? "/"}`} />
      <p className="mt-6 flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
        {options?.mail === true && (
          <Link to="/reset" className={LINK}>
            Forgot your password?
          </Link>
        )}
        {options?.sign_up === "open" && (
          <Link to="/sign-up" className={LINK}>
            Make an account
          </Link>
        )}
      </p>
    </AccessFrame>
  );
}
