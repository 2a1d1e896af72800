import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import { Plus, UserRoundCheck, X } from "lucide-react";
import { useState } from "react";
import type { Schemas } from "@/api/client";
import { asProblem } from "@/api/problem";
import { projectQuery } from "@/api/queries";
import { useAsked } from "@/lib/use-asked";
import { useGrant, useTakeBack, useTransferProject } from "@/teams/mutations";
import { type Grant, grantsQuery, teamsQuery } from "@/teams/queries";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Field, Input, Select } from "@/ui/field";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";

const route = getRouteApi("/app/projects/$project/access");
type Scope = Schemas["Scope"];
const SCOPES: Record<Scope, string> = { read: "See it", write: "Change and deploy it", delete: "Delete what is in it" };

/** Whose the project is, and what other teams may do with it. */
export function AccessPage() {
  const { project: name } = route.useParams();
  useTitle("Access", name);
  const project = useQuery(projectQuery(name)).data;
  const grants = useQuery(grantsQuery(name));
  const teams = useQuery(teamsQuery()).data ?? [];
  const [isGivingAway, setIsGivingAway] = useState(false);
  const granted = grants.data ?? [];
  const left = teams.filter((team) => !granted.some((it) => it.team === team.name) && project?.owner?.name !== team.name);
  return (
    <>
      <Card
        title="Owner"
        actions={
          <Button size="small" onClick={() => setIsGivingAway(true)}>
            <UserRoundCheck aria-hidden /> Give it away
          </Button>
        }
      >
        <p className="text-sm">
          {project?.owner == null ? (
            <span className="text-muted">Nobody: who made it has no account any more.</span>
          ) : project.owner.kind === "team" ? (
            <>
              The team{" "}
              <Link to="/teams/$team" params={{ team: project.owner.name }} className="font-medium hover:underline">
                {project.owner.name}
              </Link>
              : its members may do what their role says.
            </>
          ) : (
            <>
              <span className="font-medium">{project.owner.name}</span>, alone
            </>
          )}
        </p>
      </Card>
      <Card title="Other teams" description="What a member may do is what both the grant and their role in the team include." isFlush>
        {grants.isError && <ProblemPanel what="The grants could not be read" error={grants.error} onRetry={() => void grants.refetch()} className="m-4" />}
        {grants.isPending && <SkeletonRows count={2} className="h-11" />}
        {grants.isSuccess && (
          <div className="overflow-x-auto">
            <table className="w-full text-sm">
              <thead>
                <tr className="border-b border-line text-left text-xs text-muted">
                  <th scope="col" className="px-4 py-2 font-normal">
                    Team
                  </th>
                  {Object.entries(SCOPES).map(([scope, label]) => (
                    <th key={scope} scope="col" className="px-2 py-2 text-center font-normal">
                      {label}
                    </th>
                  ))}
                  <th scope="col" className="w-12">
                    <span className="sr-only">Take back</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {granted.map((grant) => (
                  <GrantRow key={grant.id} project={name} grant={grant} />
                ))}
                {granted.length === 0 && (
                  <tr>
                    <td colSpan={5} className="px-4 py-3 text-muted">
                      No other team may see it.
                    </td>
                  </tr>
                )}
              </tbody>
            </table>
          </div>
        )}
        <AddGrant project={name} teams={left.map((team) => team.name)} />
      </Card>
      {isGivingAway && <GiveAway project={name} onClose={() => setIsGivingAway(false)} />}
    </>
  );
}

function GrantRow({ project, grant: { id, team, scopes } }: { project: string; grant: Grant }) {
  const change = useGrant(project);
  const takeBack = useTakeBack(project, id);
  const [shown, ask, isAsking] = useAsked(scopes, (asked, done) => change.mutate({ team, scopes: asked }, { onSettled: done }));
  const error = change.error ?? takeBack.error;
  return (
    <>
      <tr className="border-b border-line last:border-0">
        <th scope="row" className="min-w-28 px-4 py-2 text-left font-medium">
          {team}
        </th>
        {(Object.keys(SCOPES) as Scope[]).map((scope) => (
          <td key={scope} className="px-2 py-2 text-center">
            <input
              type="checkbox"
              aria-label={`${team}: ${SCOPES[scope]}`}
              checked={shown.includes(scope)}
              disabled={scope === "read" || isAsking}
              title={scope === "read" ? "Included in everything" : undefined}
              onChange={({ target }) => ask(target.checked ? [...scopes, scope] : scopes.filter((it) => it !== scope))}
              className="size-4 accent-(--accent-solid)"
            />
          </td>
        ))}
        <td className="pr-2 text-right">
          <Button size="icon" kind="quiet" aria-label={`Take the grant of ${team} back`} title="Take back" isBusy={takeBack.isPending} onClick={() => takeBack.mutate(undefined, { onSuccess: () => toast(`${team} may do nothing with ${project} any more.`) })}>
            {!takeBack.isPending && <X aria-hidden />}
          </Button>
        </td>
      </tr>
      {error !== null && (
        <tr>
          <td colSpan={5} className="px-4 pb-3">
            <ProblemPanel what="The grant was not changed" error={error} />
          </td>
        </tr>
      )}
    </>
  );
}

function AddGrant({ project, teams }: { project: string; teams: readonly string[] }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const grant = useGrant(project);
  const team = chosen !== null && teams.includes(chosen) ? chosen : (teams[0] ?? null);
  return (
    <form
      className="flex flex-col gap-2 border-t border-line bg-sunken/60 px-4 py-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (team !== null) grant.mutate({ team, scopes: ["read"] }, { onSuccess: () => toast(`${team} can see ${project}.`) });
      }}
    >
      {teams.length === 0 ? (
        <p className="text-xs text-muted">
          There is no other team to grant it to.{" "}
          <Link to="/teams" className="underline underline-offset-2 hover:text-ink">
            Make one
          </Link>
        </p>
      ) : (
        <div className="flex items-end gap-2">
          <Field label="Team" className="max-w-60 flex-1">
            {(attributes) => (
              <Select {...attributes} value={team ?? ""} onChange={({ target }) => setChosen(target.value)}>
                {teams.map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </Select>
            )}
          </Field>
          <Button type="submit" isBusy={grant.isPending}>
            <Plus aria-hidden /> Let it see the project
          </Button>
        </div>
      )}
      {grant.isError && <ProblemPanel what="Nothing was granted" error={grant.error} />}
    </form>
  );
}

function GiveAway({ project, onClose }: { project: string; onClose: () => void }) {
  const [to, setTo] = useState("");
  const transfer = useTransferProject(project);
  const fault = transfer.isError ? asProblem(transfer.error).fields.find(({ pointer }) => pointer === "/to")?.detail : undefined;
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`Give ${project} away?`}
      action="Give it away"
      isBusy={transfer.isPending}
      error={transfer.error}
      onConfirm={() =>
        transfer.mutate(to.trim(), {
          onSuccess: () => {
            onClose();
            toast(`${project} belongs to ${to.trim()}.`);
          },
        })
      }
    >
      <p>You may see it afterwards only as far as you are in that team.</p>
      <Field label="To" hint="A team that you are in, or somebody's address." error={fault}>
        {(attributes) => <Input {...attributes} value={to} onChange={({ target }) => setTo(target.value)} autoComplete="off" spellCheck={false} required />}
      </Field>
    </Confirm>
  );
}
