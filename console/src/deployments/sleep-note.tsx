import { Moon, Sun } from "lucide-react";
import type { Deployment } from "@/api/queries";
import { isRunOfPipeline } from "@/runs/is-run";
import { Button } from "@/ui/button";

/** That nobody needed it, what that gives back, and how it is woken: by a visit, as everybody's would wake it. */
export function SleepNote({ deployment, className }: { deployment: Deployment; className?: string }) {
  const { conditions, limits, url, urls } = deployment;
  if (!conditions.asleep) return null;
  return (
    <section aria-label="Asleep" className={`flex flex-wrap items-center gap-x-4 gap-y-2 rounded-xl border border-build/35 bg-build-wash px-4 py-3 text-sm ${className ?? ""}`}>
      <Moon aria-hidden className="size-4 shrink-0 text-build" />
      <p className="min-w-0 flex-1 basis-60">
        Asleep: nobody needed it.{" "}
        <span className="text-muted">
          Its processes stand still; a few minutes later they are ended and {isRunOfPipeline(deployment) ? "their memory is" : `the memory that they had, at most ${limits.memory_mb} MB, is`} free for others. The next request wakes it.
        </span>
      </p>
      <Button size="small" asChild>
        <a href={urls[0] ?? url} target="_blank" rel="noreferrer">
          <Sun aria-hidden /> Wake it by a visit
        </a>
      </Button>
    </section>
  );
}
