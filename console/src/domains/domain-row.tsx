import { ChevronRight, CircleAlert, Ellipsis, ExternalLink, Lock, LockOpen, RefreshCw, ShieldCheck, Shuffle, Trash2 } from "lucide-react";
import { useState } from "react";
import { cn } from "@/lib/cn";
import { useNow } from "@/lib/now";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { CopyButton } from "@/ui/copy";
import { Menu, MenuItem, MenuSeparator } from "@/ui/menu";
import { ProblemPanel } from "@/ui/problem-panel";
import { Prose } from "@/ui/prose";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { command } from "@/lib/shell";
import { DOMAIN_STATES, expiryOf } from "./domain-states";
import { useGiveUpDomain, useLookAtDomain, useOrderCertificate } from "./mutations";
import type { Domain } from "./queries";
import { RecordsTable } from "./records-table";

interface Props {
  project: string;
  domain: Domain;
  /** Asks which slot it shall show. */
  onChange: () => void;
}

/** A hostname: whether it is served, what is missing if not, and what DNS says now. */
export function DomainRow({ project, domain, onChange }: Props) {
  const { name, url, slot, state, records, explanation, checked_at, next_check_at } = domain;
  const look = useLookAtDomain(project, name);
  const order = useOrderCertificate(project, name);
  const [isGivenUp, setIsGivenUp] = useState(false);
  const isServed = state === "verified";
  const { label, icon: Icon, look: colours } = DOMAIN_STATES[state];
  return (
    <li aria-label={name} className="border-b border-line px-4 py-3 last:border-0">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <div className="flex min-w-0 flex-1 basis-56 flex-wrap items-center gap-x-2.5 gap-y-1">
          <span className="flex min-w-0 items-center gap-1">
            {isServed ? (
              <a href={url} target="_blank" rel="noreferrer" className="inline-flex min-w-0 items-center gap-1 font-medium text-accent hover:underline">
                <span className="truncate">{name}</span>
                <ExternalLink aria-hidden className="size-3.5 shrink-0" />
              </a>
            ) : (
              <span className="truncate font-medium">{name}</span>
            )}
            <CopyButton text={isServed ? url : name} what={isServed ? "address" : "hostname"} />
          </span>
          <span className={cn("inline-flex h-5.5 items-center gap-1 rounded-full px-2 text-xs font-medium whitespace-nowrap", colours)}>
            <Icon aria-hidden strokeWidth={2.5} className="size-3" /> {label}
          </span>
          <span className="text-xs text-muted">shows {slot}</span>
        </div>
        <span className="flex items-center gap-1">
          <Button size="small" isBusy={look.isPending} onClick={() => look.mutate()} aria-label={`Look at ${name} now`}>
            {!look.isPending && <RefreshCw aria-hidden />} Look now
          </Button>
          <Menu
            label={`Domain ${name}`}
            trigger={
              <Button size="icon" kind="quiet" aria-label={`More about ${name}`}>
                <Ellipsis aria-hidden />
              </Button>
            }
          >
            <MenuItem icon={<Shuffle />} onSelect={onChange}>
              Show another slot
            </MenuItem>
            <MenuItem icon={<ShieldCheck />} disabled={!isServed} reason="It has to be proved first" onSelect={() => order.mutate(undefined, { onSuccess: () => toast(`A certificate for ${name} is being ordered.`) })}>
              Order a certificate now
            </MenuItem>
            <MenuSeparator />
            <MenuItem icon={<Trash2 />} isDangerous onSelect={() => setIsGivenUp(true)}>
              Give it up
            </MenuItem>
          </Menu>
        </span>
      </div>
      <p className="mt-1 flex flex-wrap items-baseline gap-x-2 text-xs text-muted" role="status">
        <Prose text={explanation.replace(/^./, (first) => first.toUpperCase())} />
        {checked_at !== null && (
          <span className="tabular">
            · looked at <TimeAgo at={checked_at} />
          </span>
        )}
        {!isServed && next_check_at !== null && (
          <span className="tabular">
            · again <TimeAgo at={next_check_at} />
          </span>
        )}
      </p>
      {isServed ? (
        <>
          <Tls domain={domain} />
          <details className="group mt-1 text-xs">
            <summary className="flex min-h-7 w-fit list-none items-center gap-1 text-muted hover:text-ink">
              <ChevronRight aria-hidden className="size-3.5 transition-transform group-open:rotate-90" /> The records that prove it
            </summary>
            <p className="mb-1.5 text-muted">Leave the one that you have made where it is: it is looked for every few hours.</p>
            <RecordsTable records={records} />
          </details>
        </>
      ) : (
        <div className="mt-2.5 flex flex-col gap-1.5">
          <p className="text-sm">Make one of these records where the DNS of {name} is kept. The CNAME also leads visitors here; beside a TXT, point the name here yourself.</p>
          <RecordsTable records={records} />
        </div>
      )}
      {look.isError && <ProblemPanel what="DNS was not looked at" error={look.error} className="mt-2" />}
      {order.isError && <ProblemPanel what="No certificate was ordered" error={order.error} className="mt-2" />}
      {isGivenUp && <GiveUp project={project} domain={domain} onClose={() => setIsGivenUp(false)} />}
    </li>
  );
}

function Tls({ domain: { name, certificate } }: { domain: Domain }) {
  const { not_after, source, problem, next_order_at } = certificate;
  const now = useNow(not_after ?? 0);
  const expiry = not_after === null ? null : expiryOf(not_after, now);
  return (
    <div className="mt-1 flex flex-col gap-1 text-xs">
      <p className={cn("flex items-center gap-1.5", expiry?.isOver === true ? "text-bad" : expiry?.isSoon === true ? "text-warn" : "text-muted")}>
        {not_after === null ? <LockOpen aria-hidden className="size-3.5 shrink-0" /> : <Lock aria-hidden className="size-3.5 shrink-0" />}
        {not_after === null ? (
          <span>
            Served without TLS: there is no certificate yet
            {next_order_at !== null && (
              <>
                , one is ordered <TimeAgo at={next_order_at} />
              </>
            )}
            .
          </span>
        ) : (
          <span>
            TLS with {source === "acme" ? "a certificate that is renewed by itself" : "the certificate that was handed over"}, {expiry?.isOver === true ? "ended" : "good until"} <TimeAgo at={not_after} />
            {source === "uploaded" && expiry?.isSoon === true && ": hand the next one over"}
          </span>
        )}
      </p>
      {problem !== null && (
        <p className="flex items-start gap-1.5 text-bad">
          <CircleAlert aria-hidden className="mt-0.5 size-3.5 shrink-0" />
          <span>
            The last order for {name} failed: <Prose text={problem} />
            {next_order_at !== null && (
              <span className="text-muted">
                {" "}
                It is tried again <TimeAgo at={next_order_at} />.
              </span>
            )}
          </span>
        </p>
      )}
    </div>
  );
}

function GiveUp({ project, domain: { name, slot, state }, onClose }: { project: string; domain: Domain; onClose: () => void }) {
  const giveUp = useGiveUpDomain(project, name);
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`Give ${name} up?`}
      action="Give it up"
      isDangerous
      command={command("domains", "remove", name, "--project", project)}
      isBusy={giveUp.isPending}
      error={giveUp.error}
      onConfirm={() =>
        giveUp.mutate(undefined, {
          onSuccess: () => {
            onClose();
            toast(`${name} is given up.`);
          },
        })
      }
    >
      <p>
        {state === "verified" ? `It shows ${slot} no more, from this moment on. ` : ""}Its proof is forgotten: whoever adds it again gets new records to make.
      </p>
    </Confirm>
  );
}
