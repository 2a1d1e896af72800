import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Check } from "lucide-react";
import { useState } from "react";
import { cn } from "@/lib/cn";
import { Page, useTitle } from "@/ui/page";
import { LetInStep } from "./let-in-step";
import { PipelineCard } from "./pipeline-card";
import { PlanStep } from "./plan-step";
import { SourceStep } from "./source-step";
import type { Found } from "./source-step";
import { WatchStep } from "./watch-step";

const route = getRouteApi("/app/projects/new");


/** From the address of a repository to a live URL: look, agree, watch. */
export function WizardPage() {
  useTitle("New project");
  const navigate = useNavigate();
  const { repository, github = false, project, deployment } = route.useSearch();
  const [found, setFound] = useState<Found | null>(null);
  const at = deployment !== undefined ? 2 : found !== null || project !== undefined ? 1 : 0;
  const steps = ["Repository", project === undefined ? "Plan" : "Access", "Live"];
  const watch = (id: string) => void navigate({ to: "/projects/new", search: { deployment: id }, replace: true });
  return (
    <Page title="New project" width="text">
      <ol className="flex flex-wrap items-center gap-x-2 gap-y-1 text-sm" aria-label="Steps">
        {steps.map((step, index) => (
          <li key={step} aria-current={index === at ? "step" : undefined} className={cn("flex items-center gap-2", index === at ? "font-medium" : "text-muted")}>
            {index > 0 && <span aria-hidden className="h-px w-6 bg-line-strong/60" />}
            <span
              className={cn(
                "tabular grid size-5 place-items-center rounded-full text-2xs font-medium",
                index === at ? "bg-accent-solid text-on-accent" : index < at ? "bg-good-wash text-good" : "bg-hover",
              )}
            >
              {index < at ? <Check aria-label="done" className="size-3" /> : index + 1}
            </span>
            {step}
          </li>
        ))}
      </ol>
      {deployment !== undefined ? (
        <WatchStep id={deployment} />
      ) : project !== undefined ? (
        <LetInStep project={project} onDeployed={watch} />
      ) : found !== null ? (
        <PlanStep
          found={found}
          onBack={() => setFound(null)}
          onDeployed={watch}
        />
      ) : (
        <>
          <SourceStep initial={repository ?? ""} isGithub={github} onFound={setFound} onMade={(name) => void navigate({ to: "/projects/new", search: { project: name } })} />
          <PipelineCard />
        </>
      )}
    </Page>
  );
}
