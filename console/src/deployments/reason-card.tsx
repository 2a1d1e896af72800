import { Link } from "@tanstack/react-router";
import { CircleSlash, CircleX } from "lucide-react";
import type { Deployment } from "@/api/queries";
import { cn } from "@/lib/cn";
import type { LogLine } from "@/logs/feed";
import { levelOf } from "@/logs/rows";
import { StyledText } from "@/logs/styled-text";
import { Button } from "@/ui/button";
import { Prose } from "@/ui/prose";
import { adviceFor, figuresOf } from "./reasons";

const EVIDENCE_LINES = 7;
const CALM = ["cancelled", "superseded"];

/** Why it failed, with the evidence, and what to do next: the first thing to see of a failed deployment. */
export function ReasonCard({ deployment, lines }: { deployment: Deployment; lines: readonly LogLine[] }) {
  const { failure, project } = deployment;
  if (failure === null) return null;
  const { title, next, settings } = adviceFor(failure.code);
  const isCalm = CALM.includes(failure.code);
  const evidence = isCalm ? [] : evidenceIn(lines);
  const Icon = isCalm ? CircleSlash : CircleX;
  return (
    <section
      aria-label="Why it failed"
      className={cn("rounded-xl border px-4 py-3.5", isCalm ? "border-line bg-surface" : "border-bad/35 bg-bad-wash")}
    >
      <div className="flex items-start gap-3">
        <Icon aria-hidden className={cn("mt-0.5 size-5 shrink-0", isCalm ? "text-muted" : "text-bad")} />
        <div className="min-w-0 flex-1">
          <h2 className="flex flex-wrap items-baseline gap-x-2.5 text-lg font-semibold">
            {title}
            <span className="tabular text-xs font-normal text-muted">{figuresOf(failure).join(" · ")}</span>
          </h2>
          <p className="mt-0.5 text-sm">
            <Prose text={failure.detail} />
          </p>
          <p className="mt-0.5 text-sm text-muted">{next}</p>
          {evidence.length > 0 && (
            <pre className="code mt-2.5 max-h-48 overflow-auto rounded-md border border-line bg-sunken px-3 py-2 text-xs whitespace-pre-wrap" tabIndex={0} aria-label="The end of the log">
              {evidence.map((line) => (
                <div key={line.number}>
                  <StyledText text={line.text} search="" />
                </div>
              ))}
            </pre>
          )}
          <p className="mt-2.5 flex flex-wrap items-center gap-x-3 gap-y-2 text-xs text-muted">
            {settings !== undefined && (
              <Button size="small" asChild>
                {settings === "nodes" ? (
                  <Link to="/environments">See the nodes</Link>
                ) : (
                  <Link to="/projects/$project/settings" params={{ project }} hash={settings}>
                    Change it in the settings
                  </Link>
                )}
              </Button>
            )}
            <span>
              Reason <code className="code">{failure.code}</code>
            </span>
          </p>
        </div>
      </div>
    </section>
  );
}

/** The errors of the step that came last; its last lines when nothing sounds like one. */
function evidenceIn(lines: readonly LogLine[]): LogLine[] {
  const last = lines.findLast(({ stream }) => stream !== "system")?.step;
  if (last === undefined) return [];
  const ofStep = lines.filter(({ step, stream, text }) => step === last && stream !== "system" && text.trim() !== "");
  const errors = ofStep.filter((line) => levelOf(line) === "error");
  return (errors.length > 0 ? errors : ofStep).slice(-EVIDENCE_LINES);
}
