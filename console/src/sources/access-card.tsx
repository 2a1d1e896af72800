import { useQuery } from "@tanstack/react-query";
import { CircleAlert, ExternalLink, Fingerprint, KeyRound } from "lucide-react";
import { useState } from "react";
import type { Project } from "@/api/queries";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { CopyButton } from "@/ui/copy";
import { ProblemPanel } from "@/ui/problem-panel";
import { Prose } from "@/ui/prose";
import { Skeleton } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { entryOf } from "./entry";
import { HostKeys } from "./host-keys";
import { useForgetCredential, useMakeDeployKey } from "./mutations";
import { type Following, followingQuery } from "./queries";
import { TokenForm } from "./token-form";

type Access = Following["access"];

/** How a repository is entered that not everybody may read: a deploy key by ssh, a token by https. */
export function AccessCard({ project: { name, source } }: { project: Project }) {
  const query = useQuery(followingQuery(name));
  const access = query.data?.access;
  const entry = entryOf(source?.repository ?? "");
  const [isForgetting, setIsForgetting] = useState(false);
  return (
    <Card
      title="Access to the repository"
      description={entry === "ssh" ? "Its address is an ssh address: the server asks for a key." : "Needed when not everybody may read it. What is secret is kept sealed and never shown."}
      actions={
        access?.credential != null && (
          <Button size="small" onClick={() => setIsForgetting(true)}>
            Forget it
          </Button>
        )
      }
    >
      {query.isError && <ProblemPanel what="How it is entered could not be read" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <Skeleton className="h-20" />}
      {access !== undefined && (
        <div className="flex flex-col gap-4">
          {access.unused !== null && (
            <p className="flex items-start gap-2 rounded-md border border-warn/40 bg-warn-wash px-3 py-2 text-sm">
              <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
              <span>
                What is here is not used: <Prose text={access.unused} />
              </span>
            </p>
          )}
          <Held access={access} isConnected={query.data?.connection?.unused === null} />
          {entry === "ssh" ? <DeployKey project={name} access={access} /> : entry === "https" ? <TokenForm project={name} access={access} /> : <NeverPlain />}
          {entry === "ssh" && <HostKeys project={name} access={access} />}
        </div>
      )}
      {isForgetting && access !== undefined && <Forget project={name} access={access} onClose={() => setIsForgetting(false)} />}
    </Card>
  );
}

function Held({ access: { credential, server, username, created_at, created_by }, isConnected }: { access: Access; isConnected: boolean }) {
  return (
    <p className="flex items-start gap-2 text-sm">
      <KeyRound aria-hidden className="mt-0.5 size-4 shrink-0 text-muted" />
      {credential === null ? (
        <span className="text-muted">{isConnected ? "It is entered through its connection: nothing more is needed." : "Nothing is shown to the server: it has to let everybody read the repository."}</span>
      ) : (
        <span className="min-w-0">
          {credential === "key" ? "A deploy key" : "A token"}
          {username !== null && (
            <>
              {" "}
              with the name <code className="code">{username}</code>
            </>
          )}
          {server !== null && (
            <>
              , for <code className="code">{server}</code> and nobody else
            </>
          )}
          {created_at !== null && (
            <span className="block text-xs text-muted">
              {credential === "key" ? "Made" : "Given"} <TimeAgo at={created_at} /> {created_by !== null && `by ${created_by}`}
            </span>
          )}
        </span>
      )}
    </p>
  );
}

function DeployKey({ project, access }: { project: string; access: Access }) {
  const make = useMakeDeployKey(project);
  const [isAsked, setIsAsked] = useState(false);
  const { public_key, settings_url } = access;
  const begin = () => make.mutate(undefined, { onSuccess: () => setIsAsked(false) });
  return (
    <div className="flex flex-col gap-2">
      {public_key === null ? (
        <div className="flex flex-wrap items-center gap-3">
          <p className="min-w-0 flex-1 basis-60 text-sm text-muted">A deploy key is a pair: the private half stays here, sealed; the public half belongs into the repository's settings.</p>
          <Button kind="primary" size="small" isBusy={make.isPending} onClick={begin}>
            Make a deploy key
          </Button>
        </div>
      ) : (
        <>
          <p className="text-sm">
            Paste the public half into the repository's settings, as a deploy key that may only read
            {settings_url !== null && (
              <>
                :{" "}
                <a href={settings_url} target="_blank" rel="noreferrer" className="inline-flex items-center gap-1 text-accent hover:underline">
                  its deploy keys <ExternalLink aria-hidden className="size-3.5" />
                </a>
              </>
            )}
          </p>
          <span className="flex min-w-0 items-center gap-1 rounded-md border border-line bg-sunken py-1 pr-1 pl-2.5">
            <code className="code min-w-0 flex-1 text-xs break-all" aria-label="The public half">
              {public_key}
            </code>
            <CopyButton text={public_key} what="public key" />
          </span>
          <Button size="small" className="self-start" onClick={() => setIsAsked(true)}>
            Make another
          </Button>
        </>
      )}
      {make.isError && !isAsked && <ProblemPanel what="No deploy key was made" error={make.error} />}
      <Confirm isOpen={isAsked} onClose={() => setIsAsked(false)} title="Make another deploy key?" action="Make it" isBusy={make.isPending} error={make.error} onConfirm={begin}>
        <p>The one that there is is good no longer: nothing can be fetched until the public half of the new one is in the repository's settings.</p>
      </Confirm>
    </div>
  );
}

function NeverPlain() {
  return (
    <p className="flex items-start gap-2 text-sm text-muted">
      <Fingerprint aria-hidden className="mt-0.5 size-4 shrink-0" />
      <span>
        Its address begins with <code className="code">http://</code>: a token is never sent without TLS. For a private repository use its https or ssh address.
      </span>
    </p>
  );
}

function Forget({ project, access: { credential }, onClose }: { project: string; access: Access; onClose: () => void }) {
  const forget = useForgetCredential(project);
  const what = credential === "key" ? "deploy key" : "token";
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`Forget the ${what}?`}
      action="Forget it"
      isDangerous
      isBusy={forget.isPending}
      error={forget.error}
      onConfirm={() =>
        forget.mutate(undefined, {
          onSuccess: () => {
            onClose();
            toast(`The ${what} is forgotten.`);
          },
        })
      }
    >
      <p>What not everybody may read can then not be fetched. At the server it stays good until it is taken away there too.</p>
    </Confirm>
  );
}
