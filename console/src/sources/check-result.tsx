import { CircleAlert, CircleCheck, CircleHelp } from "lucide-react";
import type { Schemas } from "@/api/client";
import { Prose } from "@/ui/prose";

const LOOKS = {
  reached: { Icon: CircleCheck, color: "text-good" },
  unreached: { Icon: CircleAlert, color: "text-bad" },
  unknown: { Icon: CircleHelp, color: "text-muted" },
} as const;

/** What a check of the webhooks came to; told to who reads with their ears too. */
export function CheckResult({ isChecking, found }: { isChecking: boolean; found: Schemas["SourceCheck"] | undefined }) {
  const { Icon, color } = LOOKS[found?.reach ?? "unknown"];
  return (
    <div role="status" aria-label="Do webhooks arrive?" className="text-sm empty:sr-only">
      {isChecking ? (
        <p className="text-muted">Asking the provider to send something…</p>
      ) : (
        found !== undefined && (
          <p className="flex items-start gap-2">
            <Icon aria-hidden className={`mt-0.5 size-4 shrink-0 ${color}`} />
            <span>
              <Prose text={found.detail} />
            </span>
          </p>
        )
      )}
    </div>
  );
}
