import { CircleAlert, CircleCheck, CircleHelp, CircleX, type LucideIcon, TriangleAlert } from "lucide-react";
import { cores, megabytes } from "@/lib/size";
import { Prose } from "@/ui/prose";
import type { DryRun } from "./queries";

const FOUND: Record<string, { icon: LucideIcon; look: string; word: string }> = {
  yes: { icon: CircleCheck, look: "text-good", word: "found" },
  no: { icon: CircleX, look: "text-bad", word: "not found" },
};
const UNKNOWN = { icon: CircleHelp, look: "text-warn", word: "not known" };

export function DryRunResult({ result }: { result: DryRun }) {
  const { ok, environment, room, problems, images, rounds } = result;
  return (
    <section aria-label="Result" className="flex flex-col gap-3 text-sm">
      <p role="status" className={`flex items-center gap-2 font-medium ${ok ? "text-good" : "text-bad"}`}>
        {ok ? <CircleCheck aria-hidden className="size-4" /> : <CircleX aria-hidden className="size-4" />}
        {ok ? `It could be deployed into ${environment} now` : `It could not be deployed into ${environment} now`}
      </p>
      <p className="text-muted">
        Needs {megabytes(room.memory_mb)} and {cores(room.cpu)} on one node at once; {rounds.length} round{rounds.length === 1 ? "" : "s"}: {rounds.map((round) => round.join(" + ")).join(" → ")}
      </p>
      {problems.length > 0 && (
        <ul className="flex flex-col gap-1">
          {problems.map(({ severity, path, message }) => (
            <li key={path + message} className="flex gap-2">
              {severity === "error" ? <CircleAlert aria-label="Error" className="mt-0.5 size-4 shrink-0 text-bad" /> : <TriangleAlert aria-label="Warning" className="mt-0.5 size-4 shrink-0 text-warn" />}
              <span className="min-w-0">
                <code className="code text-muted">{path}</code> <Prose text={message} />
              </span>
            </li>
          ))}
        </ul>
      )}
      <ul aria-label="Images" className="divide-y divide-line rounded-md border border-line">
        {images.map(({ image, steps, found }) => {
          const { icon: Icon, look, word } = FOUND[found] ?? UNKNOWN;
          return (
            <li key={image} className="flex items-center gap-2 px-3 py-1.5">
              <Icon aria-hidden className={`size-4 shrink-0 ${look}`} />
              <code className="code min-w-0 flex-1 truncate">{image}</code>
              <span className="shrink-0 text-xs text-muted">
                {steps.join(", ")} · {word}
              </span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
