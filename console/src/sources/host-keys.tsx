import { BadgeCheck, Check, Fingerprint } from "lucide-react";
import { Button } from "@/ui/button";
import { CopyId } from "@/ui/copy";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { useAskHostKeys, useTrustHostKey } from "./mutations";
import type { Following, HostKey } from "./queries";

/** By which keys the ssh server is known: nothing is fetched from one that nobody vouched for. */
export function HostKeys({ project, access }: { project: string; access: Following["access"] }) {
  const ask = useAskHostKeys(project);
  const trust = useTrustHostKey(project);
  const approved = access.host_keys;
  const isApproved = (key: HostKey) => approved.some(({ fingerprint }) => fingerprint === key.fingerprint);
  return (
    <div className="flex flex-col gap-2 border-t border-line pt-4">
      <div className="flex flex-wrap items-center gap-3">
        <p className="min-w-0 flex-1 basis-60 text-sm">
          The server's own key
          <span className="block text-xs text-muted">
            {approved.length > 0 ? "Somebody has compared it with what the server's operator says." : "Large services are known. Any other server shows its key, and somebody compares it with what its operator says."}
          </span>
        </p>
        <Button size="small" isBusy={ask.isPending} onClick={() => ask.mutate()}>
          {!ask.isPending && <Fingerprint aria-hidden />} Ask the server
        </Button>
      </div>
      {approved.length > 0 && <Keys label="Approved keys" keys={approved} />}
      {ask.isError && <ProblemPanel what="The server showed no key" error={ask.error} />}
      {ask.data !== undefined && (
        <ul aria-label="Keys that it shows now" className="divide-y divide-line rounded-md border border-line">
          {ask.data.map((key) => (
            <li key={key.fingerprint} className="flex flex-wrap items-center gap-x-3 gap-y-1 px-3 py-2">
              <KeyLine hostKey={key} />
              {key.published ? (
                <span className="inline-flex items-center gap-1 text-xs text-good">
                  <BadgeCheck aria-hidden className="size-3.5" /> As its operator publishes it
                </span>
              ) : isApproved(key) ? (
                <span className="inline-flex items-center gap-1 text-xs text-good">
                  <Check aria-hidden className="size-3.5" /> Approved
                </span>
              ) : (
                <Button
                  size="small"
                  kind="primary"
                  isBusy={trust.isPending && trust.variables === key.fingerprint}
                  aria-label={`Approve ${key.fingerprint}`}
                  onClick={() => trust.mutate(key.fingerprint, { onSuccess: () => toast(`${key.server} is known by this key from now on.`) })}
                >
                  It is the right one
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
      {trust.isError && <ProblemPanel what="The key was not approved" error={trust.error} />}
    </div>
  );
}

function Keys({ label, keys }: { label: string; keys: readonly HostKey[] }) {
  return (
    <ul aria-label={label} className="flex flex-col gap-1">
      {keys.map((key) => (
        <li key={key.fingerprint}>
          <KeyLine hostKey={key} />
        </li>
      ))}
    </ul>
  );
}

function KeyLine({ hostKey: { algorithm, fingerprint, server } }: { hostKey: HostKey }) {
  return (
    <span className="flex min-w-0 flex-1 basis-72 flex-wrap items-baseline gap-x-2 text-xs">
      <span className="text-muted">
        {server} {algorithm}
      </span>
      <CopyId id={fingerprint} what="fingerprint" className="break-all text-ink" />
    </span>
  );
}
