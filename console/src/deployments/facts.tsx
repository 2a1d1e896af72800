import { Link } from "@tanstack/react-router";
import { ExternalLink } from "lucide-react";
import type { ReactNode } from "react";
import type { Deployment } from "@/api/queries";
import { chosenIn, isRunOfPipeline } from "@/runs/is-run";
import { CopyButton, CopyId } from "@/ui/copy";
import { TimeAgo } from "@/ui/time-ago";
import { shortDigest } from "./changes";
import { CommitLine } from "./commit";
import { triggerWords } from "./triggers";

/** What it is: what one looks for large, the rest in small print. */
export function Facts({ deployment }: { deployment: Deployment }) {
  const { commit, created_by, created_at, trigger, urls } = deployment;
  return (
    <div className="flex flex-col gap-3">
      <dl className="grid gap-x-8 gap-y-3 text-sm sm:grid-cols-2 lg:grid-cols-[minmax(0,5fr)_minmax(0,6fr)_auto]">
        {isRunOfPipeline(deployment) ? (
          <Fact label="Pipeline">
            <Link to="/projects/$project/pipeline/versions" params={{ project: deployment.project }} search={{ version: deployment.pipeline_version }} className="hover:underline">
              Version {deployment.pipeline_version}
            </Link>
            <span className="code block truncate text-xs text-muted">{chosenIn(deployment).join("  ")}</span>
          </Fact>
        ) : (
          <Fact label="Commit">
            <CommitLine commit={commit} />
            {commit !== null && <span className="block truncate text-xs text-muted">{commit.author}</span>}
          </Fact>
        )}
        <Fact label={urls.length > 1 ? "Addresses" : "Address"}>
          {urls.map((url, index) => (
            <span key={url} className="flex min-w-0 items-center gap-1">
              <a href={url} target="_blank" rel="noreferrer" className="inline-flex min-h-6 min-w-0 items-center gap-1 text-accent hover:underline">
                <span className="truncate">{url.replace(/^https?:\/\//, "")}</span>
                <ExternalLink aria-hidden className="size-3.5 shrink-0" />
              </a>
              <CopyButton text={url} what="address" />
              {!isRunOfPipeline(deployment) && <span className="truncate text-xs text-muted max-sm:sr-only">{index === 0 ? "of the slot" : "of this one alone"}</span>}
            </span>
          ))}
        </Fact>
        <Fact label="Requested">
          <span>
            <TimeAgo at={created_at} /> <span className="text-muted">{triggerWords(trigger)}</span>
          </span>
          <span className="block truncate text-xs text-muted">{created_by}</span>
        </Fact>
      </dl>
      <SmallPrint deployment={deployment} />
    </div>
  );
}

function SmallPrint({ deployment }: { deployment: Deployment }) {
  const { id, project, slot, release, release_kind, peak_memory_mb, limits, instance } = deployment;
  const digest = shortDigest(release);
  return (
    <dl className="flex flex-wrap items-center gap-x-5 gap-y-0.5 text-xs">
      <Small label="Slot">
        <Link to="/projects/$project/deployments" params={{ project }} search={{ slot }} className="inline-flex min-h-6 items-center hover:underline">
          {slot}
        </Link>
      </Small>
      <Small label="Id">
        <CopyId id={id} what="id" />
      </Small>
      {digest !== null && release !== null && (
        <Small label={`Release, ${release_kind ?? "unknown"}`}>
          <CopyId id={release} shown={digest} what="digest" />
        </Small>
      )}
      {peak_memory_mb !== null && (
        <Small label="Peak of the build">
          {peak_memory_mb} of {limits.build_memory_mb} MB
        </Small>
      )}
      {instance !== null && (
        <Small label="Process">
          {instance.healthy ? "healthy" : "not healthy"}, {instance.restarts} restart{instance.restarts === 1 ? "" : "s"}
          {instance.last_exit !== null && `, ended last: ${instance.last_exit}`}
        </Small>
      )}
    </dl>
  );
}

function Small({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="flex min-h-6 items-center gap-1.5">
      <dt className="text-muted">{label}</dt>
      <dd className="tabular">{children}</dd>
    </div>
  );
}

export function Fact({ label, className, children }: { label: string; className?: string; children: ReactNode }) {
  return (
    <div className={`min-w-0 ${className ?? ""}`}>
      <dt className="text-xs text-muted">{label}</dt>
      <dd className="min-w-0">{children}</dd>
    </div>
  );
}
