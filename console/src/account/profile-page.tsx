import { useQuery } from "@tanstack/react-query";
import { meQuery, verdictQuery } from "@/api/queries";
import { Fact } from "@/deployments/facts";
import { singleKeys } from "@/lib/shortcuts";
import { useStored } from "@/lib/stored";
import { type Theme, chooseTheme, theme } from "@/shell/theme";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { CopyId } from "@/ui/copy";
import { Page, useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { IdentitiesCard } from "./identities-card";
import { PasswordCard } from "./password-card";
import { SessionsCard } from "./sessions-card";

const THEMES: [Theme, string][] = [
  ["system", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

export function ProfilePage() {
  useTitle("Profile");
  const me = useQuery(meQuery());
  const chosen = useStored(theme);
  const areSingleKeysOn = useStored(singleKeys) === "on";
  return (
    <Page title="Profile" width="text">
      <Card title="You">
        {me.isError && <ProblemPanel what="Your account could not be read" error={me.error} onRetry={() => void me.refetch()} />}
        {me.isPending && <Skeleton className="h-10" />}
        {me.data !== undefined && (
          <dl className="grid grid-cols-[repeat(auto-fill,minmax(min(100%,12rem),1fr))] gap-x-6 gap-y-3 text-sm">
            <Fact label="E-mail">{me.data.email}</Fact>
            <Fact label="Role">{me.data.role}</Fact>
            <Fact label="Id">
              <CopyId id={me.data.id} what="id" />
            </Fact>
          </dl>
        )}
      </Card>
      <Card title="Appearance">
        <fieldset>
          <legend className="sr-only">Theme</legend>
          <div className="flex flex-wrap gap-2">
            {THEMES.map(([name, label]) => (
              <label
                key={name}
                className="flex min-h-9 cursor-pointer items-center gap-2 rounded-md border border-line px-3 text-sm has-checked:border-accent has-checked:bg-accent-wash has-focus-visible:outline-2 has-focus-visible:outline-accent"
              >
                <input type="radio" name="theme" value={name} checked={chosen === name} onChange={() => chooseTheme(name)} className="accent-(--accent-solid)" />
                {label}
              </label>
            ))}
          </div>
        </fieldset>
        <label className="mt-4 flex items-start gap-2 text-sm">
          <input type="checkbox" checked={areSingleKeysOn} onChange={(event) => singleKeys.set(event.target.checked ? "on" : "off")} className="mt-0.5 size-4 accent-(--accent-solid)" />
          <span>
            Shortcuts of a single key <span className="block text-xs text-muted">Those with Ctrl or ⌘ always work. They never fire while you type.</span>
          </span>
        </label>
      </Card>
      <IdentitiesCard />
      <SessionsCard />
      {me.data !== undefined && <PasswordCard email={me.data.email} />}
      <SelfCheck />
    </Page>
  );
}

/** What must be true at every moment, asked of the server. */
function SelfCheck() {
  const verdict = useQuery(verdictQuery());
  return (
    <Card
      title="Self-check"
      description="What must be true at every moment."
      actions={
        <Button size="small" isBusy={verdict.isFetching} onClick={() => void verdict.refetch()}>
          Check again
        </Button>
      }
      isFlush
    >
      {verdict.isError && <ProblemPanel what="It could not be checked" error={verdict.error} className="m-4" />}
      <ul>
        {verdict.data?.checks.map(({ id, name, ok, detail }) => (
          <li key={id} className="flex items-baseline gap-3 border-b border-line px-4 py-2 text-sm last:border-0">
            <span className={ok ? "text-good" : "text-bad"}>{ok ? "✓" : "✗"}</span>
            <span className="sr-only">{ok ? "Holds: " : "Does not hold: "}</span>
            <span className="min-w-0 flex-1">
              {name}
              {detail !== null && <span className="block text-xs text-muted">{detail}</span>}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
