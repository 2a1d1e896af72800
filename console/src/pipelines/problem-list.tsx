import { CircleAlert, CircleCheck, LoaderCircle, TriangleAlert } from "lucide-react";
import { Prose } from "@/ui/prose";
import type { Editor } from "./use-editor";

/** What is wrong, each with the way there. */
export function ProblemList({ editor, onShow }: { editor: Editor; onShow: (line: number | null, step: string | null) => void }) {
  const { problems, fault, isChecking, pipeline } = editor;
  const errors = problems.filter(({ severity }) => severity === "error").length;
  return (
    <section aria-label="Problems" className="max-h-44 overflow-y-auto border-t border-line bg-surface px-4 py-2 text-sm" tabIndex={0}>
      <p role="status" className="flex items-center gap-1.5 text-xs text-muted">
        {isChecking ? (
          <>
            <LoaderCircle aria-hidden className="size-3.5 animate-spin" /> Checking
          </>
        ) : fault !== null ? (
          "The text is no YAML; the picture waits."
        ) : problems.length > 0 ? (
          `${errors} error${errors === 1 ? "" : "s"}, ${problems.length - errors} warning${problems.length - errors === 1 ? "" : "s"}`
        ) : Object.keys(pipeline.steps).length === 0 ? (
          "No steps yet."
        ) : (
          <>
            <CircleCheck aria-hidden className="size-3.5 text-good" /> Nothing is wrong
          </>
        )}
      </p>
      <ul>
        {problems.map((problem, index) => (
          <li key={index}>
            <button type="button" onClick={() => onShow(problem.line, problem.step)} className="flex min-h-7 w-full items-start gap-2 rounded-sm px-1 py-1 text-left hover:bg-hover">
              {problem.severity === "error" ? <CircleAlert aria-label="Error" className="mt-0.5 size-4 shrink-0 text-bad" /> : <TriangleAlert aria-label="Warning" className="mt-0.5 size-4 shrink-0 text-warn" />}
              <span className="min-w-0 flex-1">
                {problem.path !== "" && <code className="code text-muted">{problem.path}</code>} <Prose text={problem.message} />
                {problem.suggestion !== null && (
                  <>
                    ; did you mean <code className="code">{problem.suggestion}</code>?
                  </>
                )}
              </span>
              {problem.line !== null && <span className="tabular shrink-0 text-xs text-muted">line {problem.line}</span>}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
