import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ChevronRight } from "lucide-react";
import { useState } from "react";
import { type Schemas, answer, api, plain } from "@/api/client";
import { keys } from "@/api/keys";
import { PlanWarnings } from "@/deployments/plan-table";
import { hostOf, hostProblem } from "@/domains/host";
import { parseDotenv, soundsSecret } from "@/lib/dotenv";
import { repositoryName } from "@/lib/repository";
import { connectThroughApp } from "@/sources/mutations";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Field, Input, TextArea } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { BuildFields, NOTHING_SAID } from "../build-fields";
import { OwnerField } from "./owner-field";
import type { Found } from "./source-step";

const NAME = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;
const KINDS = { site: "a site of files", service: "a service that runs", image: "an image from its Dockerfile" };

interface Props {
  found: Found;
  onBack: () => void;
  onDeployed: (id: string) => void;
}

/** What would be built, with a reason for each value and room to say otherwise; then deploys it. */
export function PlanStep({ found, onBack, onDeployed }: Props) {
  const { source, plan } = found;
  const client = useQueryClient();
  const [name, setName] = useState(found.name);
  const [team, setTeam] = useState<string | null>(null);
  const [build, setBuild] = useState(NOTHING_SAID);
  const [dotenv, setDotenv] = useState("");
  const { entries, problems } = parseDotenv(dotenv);
  const [typedHost, setTypedHost] = useState("");
  const host = hostOf(typedHost);
  const hostFault = host === "" ? undefined : hostProblem(host);
  /** After a failure in the middle, trying again goes on with the project that is there. */
  const [made, setMade] = useState<string | null>(null);
  const deploy = useMutation({
    mutationFn: async () => {
      const project = made ?? (await create(name, team, source, build)).name;
      setMade(project);
      if (found.isGithub) await connectThroughApp(project);
      if (entries.length > 0) {
        const items = entries.map(({ key, value }) => ({ key, value, secret: soundsSecret(key, value), exposure: "all" as const }));
        await answer(api.PUT("/api/v1/projects/{project}/variables", { params: { path: { project } }, body: { items } }));
      }
      if (host !== "") await answer(api.PUT("/api/v1/projects/{project}/domains/{domain}", { params: { path: { project, domain: host } }, body: plain({}) }));
      return answer(api.POST("/api/v1/projects/{project}/deployments", { params: { path: { project } }, body: { no_cache: false } }));
    },
    onSuccess: (deployment) => {
      client.setQueryData(keys.deployment(deployment.id), deployment);
      void client.invalidateQueries({ queryKey: keys.projects() });
      onDeployed(deployment.id);
    },
  });
  const nameProblem = NAME.test(name) ? undefined : "Small letters, digits and hyphens, at most 40: it becomes the hostname.";
  return (
    <form
      noValidate
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (nameProblem === undefined && hostFault === undefined && problems.length === 0) deploy.mutate();
      }}
    >
      <Card
        title={plan === null ? "Say how it is built" : `${plan.name}, ${KINDS[plan.kind]}`}
        description={
          <>
            {repositoryName(source.repository)}
            {source.branch !== null && ` · ${source.branch}`}
            {source.root_directory !== null && ` · ${source.root_directory}`}
          </>
        }
        isFlush
      >
        {plan !== null && <PlanWarnings plan={plan} />}
        <div className="grid gap-x-6 gap-y-4 p-4 sm:grid-cols-2">
          <Field label="Name" error={nameProblem} className="sm:col-span-2" hint={made === null ? undefined : "The project is made already."}>
            {(attributes) => <Input {...attributes} value={name} disabled={made !== null} onChange={(event) => setName(event.target.value)} className="code sm:max-w-80" autoComplete="off" autoCapitalize="off" spellCheck={false} autoFocus />}
          </Field>
          <div className="empty:hidden sm:col-span-2">
            <OwnerField value={team} onChange={setTeam} isDisabled={made !== null} />
          </div>
          <BuildFields values={build} onChange={setBuild} plan={plan} />
        </div>
        <details className="group border-t border-line" open={plan !== null && Object.keys(plan.variables).length > 0}>
          <summary className="flex min-h-11 list-none items-center gap-1.5 px-4 text-sm font-medium">
            <ChevronRight aria-hidden className="size-4 text-muted transition-transform group-open:rotate-90" /> Variables
            {entries.length > 0 && <span className="text-xs font-normal text-muted">{entries.length}, of which {entries.filter(({ key, value }) => soundsSecret(key, value)).length} secret</span>}
          </summary>
          <div className="px-4 pb-4">
            <Field
              label="As in a .env file"
              isLabelHidden
              hint="One KEY=value on each line, or a whole .env file. What sounds like a secret is kept as one. They are there when it is built and when it runs."
              error={problems.length === 0 ? undefined : problems.map(({ line, detail }) => `Line ${line} ${detail}.`).join(" ")}
            >
              {(attributes) => <TextArea {...attributes} rows={5} value={dotenv} onChange={(event) => setDotenv(event.target.value)} className="code" spellCheck={false} placeholder="LOG_LEVEL=info" />}
            </Field>
          </div>
        </details>
        <details className="group border-t border-line">
          <summary className="flex min-h-11 list-none items-center gap-1.5 px-4 text-sm font-medium">
            <ChevronRight aria-hidden className="size-4 text-muted transition-transform group-open:rotate-90" /> Domain
            {host !== "" && <span className="text-xs font-normal text-muted">{host}</span>}
          </summary>
          <div className="px-4 pb-4">
            <Field label="Your own domain" hint="It always gets an address of the installation's. For one of your own the records to make in DNS are shown while it is built." error={hostFault}>
              {(attributes) => <Input {...attributes} value={typedHost} onChange={(event) => setTypedHost(event.target.value)} className="code sm:max-w-80" placeholder="shop.example.com" inputMode="url" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
            </Field>
          </div>
        </details>
      </Card>
      {deploy.isError && <ProblemPanel what={made === null ? "The project was not made" : `${made} is made, but not deployed`} error={deploy.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onBack} disabled={deploy.isPending || made !== null}>
          Back
        </Button>
        <Button type="submit" kind="primary" isBusy={deploy.isPending}>
          Deploy
        </Button>
      </div>
    </form>
  );
}

function create(name: string, team: string | null, source: Found["source"], build: typeof NOTHING_SAID) {
  const body = { name, team, source, build } as Schemas["NewProjectRequest"];
  return answer(api.POST("/api/v1/projects", { body }));
}
