import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation } from "@tanstack/react-query";
import { useForm } from "react-hook-form";
import * as z from "zod/mini";
import { answer, api } from "@/api/client";
import { session } from "@/api/session";
import { Button } from "@/ui/button";
import { Field, Input } from "@/ui/field";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { AccessFrame } from "./access-frame";

const schema = z.object({
  email: z.string().check(z.minLength(1, "Enter your e-mail address.")),
  password: z.string().check(z.minLength(1, "Enter your password.")),
});

type Values = z.infer<typeof schema>;

export function LoginPage() {
  useTitle("Sign in");
  const { register, handleSubmit, formState } = useForm<Values>({ resolver: zodResolver(schema) });
  const login = useMutation({
    mutationFn: (body: Values) => answer(api.POST("/api/v1/auth/login", { body })),
    // The router goes on where one wanted to go.
    onSuccess: (signedIn) => session.begin(signedIn),
  });
  return (
    <AccessFrame title="Sign in to Pierhead" description="With the account of this installation.">
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
    </AccessFrame>
  );
}
