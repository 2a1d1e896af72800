import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import { signInOptionsQuery } from "@/api/queries";
import { useAsked } from "@/lib/use-asked";
import { Card } from "@/ui/card";
import { ProblemPanel } from "@/ui/problem-panel";
import { POLICIES, type SignUpPolicy } from "./queries";

/** Who may make an account. */
export function SignUpCard() {
  const client = useQueryClient();
  const query = useQuery(signInOptionsQuery());
  const decide = useMutation({
    mutationFn: (policy: SignUpPolicy) => answer(api.PUT("/api/v1/settings/sign-up", { body: { policy } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.signInOptions() }),
  });
  const [policy, choose, isAsking] = useAsked(query.data?.sign_up, (value, done) => value !== undefined && decide.mutate(value, { onSettled: done }));
  return (
    <Card title="Who may make an account">
      {query.isError && <ProblemPanel what="It could not be read" error={query.error} onRetry={() => void query.refetch()} />}
      <fieldset disabled={isAsking} className="flex flex-col gap-3">
        <legend className="sr-only">Who may make an account</legend>
        {Object.entries(POLICIES).map(([value, { label, says }]) => (
          <label key={value} className="flex items-start gap-2 text-sm">
            <input type="radio" name="sign-up" checked={policy === value} onChange={() => choose(value as SignUpPolicy)} className="mt-0.5 size-4 accent-(--accent-solid)" />
            <span>
              {label} <span className="block text-xs text-muted">{says}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {decide.isError && <ProblemPanel what="It was not changed" error={decide.error} className="mt-3" />}
    </Card>
  );
}
