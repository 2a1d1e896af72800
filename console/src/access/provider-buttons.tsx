import { useMutation, useQuery } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import { signInOptionsQuery } from "@/api/queries";
import { Button } from "@/ui/button";
import { ProblemPanel } from "@/ui/problem-panel";

/** Accounts elsewhere that one may sign in with. Nothing where there are none. */
export function ProviderButtons({ next }: { next: string }) {
  const options = useQuery(signInOptionsQuery()).data;
  const begin = useMutation({
    mutationFn: (provider: string) => answer(api.POST("/api/v1/auth/providers/{provider}", { params: { path: { provider } }, body: { return_to: next } })),
    onSuccess: ({ url }) => location.assign(url),
  });
  if (options === undefined || options.providers.length === 0) return null;
  return (
    <div className="mt-6 flex flex-col gap-2 border-t border-line pt-5">
      {options.providers.map(({ name, label }) => (
        <Button key={name} className="h-9" isBusy={begin.isPending && begin.variables === name} onClick={() => begin.mutate(name)}>
          Sign in with {label}
        </Button>
      ))}
      {begin.isError && <ProblemPanel error={begin.error} />}
    </div>
  );
}
