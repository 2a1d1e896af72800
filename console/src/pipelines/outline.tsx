import { Trash2 } from "lucide-react";
import { cn } from "@/lib/cn";
import { Button } from "@/ui/button";
import { edgesOf, gistOf, roundsOf } from "./model";
import { StepIcon } from "./step-icon";
import type { Editor } from "./use-editor";

/** The pipeline as a list, in the order in which it runs: for whoever cannot, or does not want to, drag. */
export function Outline({ editor, className }: { editor: Editor; className?: string }) {
  const { pipeline, selected, problems } = editor;
  const rounds = roundsOf(pipeline);
  const edges = edgesOf(pipeline);
  return (
    <ol aria-label="Steps in the order in which they run" className={cn("flex flex-col gap-3", className)}>
      {rounds.map((round, index) => (
        <li key={index}>
          <p className="mb-1 text-xs text-faint">{index === 0 ? "At once" : `Round ${index + 1}`}</p>
          <ul className="flex flex-col gap-1">
            {round.map((name) => {
              const step = pipeline.steps[name] ?? {};
              const waits = edges.filter(({ to }) => to === name).map(({ from }) => from);
              const wrong = problems.filter((it) => it.step === name && it.severity === "error").length;
              return (
                <li key={name} className={cn("flex items-center gap-1 rounded-lg border bg-surface", selected === name ? "border-accent" : "border-line")}>
                  <button type="button" aria-pressed={selected === name} onClick={() => editor.select(name)} className="flex min-w-0 flex-1 items-center gap-2.5 p-2 text-left">
                    <StepIcon kind={step.kind} />
                    <span className="min-w-0 flex-1">
                      <span className="block truncate text-sm font-medium">{name}</span>
                      <span className="block truncate text-xs text-muted">
                        {gistOf(step)}
                        {waits.length > 0 && ` · after ${waits.join(", ")}`}
                      </span>
                    </span>
                    {wrong > 0 && <span className="text-xs text-bad">{wrong} wrong</span>}
                  </button>
                  <Button size="icon" kind="quiet" aria-label={`Delete ${name}`} onClick={() => editor.remove(name)}>
                    <Trash2 aria-hidden />
                  </Button>
                </li>
              );
            })}
          </ul>
        </li>
      ))}
    </ol>
  );
}
