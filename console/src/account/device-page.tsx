import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { deviceLoginQuery, meQuery } from "@/api/queries";
import { Fact } from "@/deployments/facts";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Field, Input } from "@/ui/field";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";

/** Where a person confirms that a command line may sign in as them. */
export function DevicePage() {
  useTitle("Sign a command line in");
  const { code } = useSearch({ from: "/app/device" });
  return (
    <Page title="Sign a command line in" width="text">
      {code === undefined ? <CodeCard /> : <Decision key={code} code={code} />}
    </Page>
  );
}

/** For who came without a code. */
function CodeCard() {
  const navigate = useNavigate();
  const [code, setCode] = useState("");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (code.trim() !== "") void navigate({ to: "/device", search: { code: code.trim() } });
      }}
    >
      <Card
        title="The code"
        description="`pierhead login --browser` shows it."
        footer={
          <Button type="submit" size="small" kind="primary" disabled={code.trim() === ""}>
            Go on
          </Button>
        }
      >
        <Field label="Code" hint="Eight letters, such as BCDF-GHJK.">
          {(attributes) => <Input {...attributes} autoComplete="off" autoCapitalize="characters" spellCheck={false} value={code} onChange={({ target }) => setCode(target.value)} />}
        </Field>
      </Card>
    </form>
  );
}

function Decision({ code }: { code: string }) {
  const query = useQuery(deviceLoginQuery(code));
  const me = useQuery(meQuery());
  const decide = useMutation({
    mutationFn: (approve: boolean) => answer(api.POST("/api/v1/me/device-logins/{code}", { params: { path: { code } }, body: { approve } })),
  });
  if (decide.isSuccess) {
    return (
      <Card title={decide.variables ? "It is signed in" : "It was refused"}>
        <p role="status" className="text-sm">
          {decide.variables ? "Go back to your command line. Its token is among your API tokens, where you can revoke it." : "Nothing was signed in."}
        </p>
      </Card>
    );
  }
  if (query.isError) return <ProblemPanel what="There is no such sign-in, or it is over" error={query.error} onRetry={() => void query.refetch()} />;
  if (query.data === undefined) return <Skeleton className="h-40" />;
  const { user_code, name, ip, created_at } = query.data;
  return (
    <Card
      title={`Is ${user_code} the code that your command line shows?`}
      description="Only then it is you who asks. Whoever sent you this link with another code wants to act in your name."
      footer={
        <div className="flex gap-2">
          <Button size="small" kind="primary" isBusy={decide.isPending && decide.variables} disabled={decide.isPending} onClick={() => decide.mutate(true)}>
            Sign it in
          </Button>
          <Button size="small" isBusy={decide.isPending && !decide.variables} disabled={decide.isPending} onClick={() => decide.mutate(false)}>
            Refuse
          </Button>
        </div>
      }
    >
      <dl className="grid grid-cols-[repeat(auto-fill,minmax(min(100%,12rem),1fr))] gap-x-6 gap-y-3 text-sm">
        <Fact label="It says it is">{name}</Fact>
        <Fact label="From">{ip ?? "unknown"}</Fact>
        <Fact label="Asked">
          <TimeAgo at={created_at} />
        </Fact>
        <Fact label="It may act as">{me.data?.email ?? ""}</Fact>
      </dl>
      {decide.isError && <ProblemPanel what="It was not answered" error={decide.error} className="mt-4" />}
    </Card>
  );
}
