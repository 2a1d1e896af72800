import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ShieldAlert } from "lucide-react";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import type { Node } from "@/api/queries";
import { cn } from "@/lib/cn";
import { command } from "@/lib/shell";
import { pairs } from "@/lib/size";
import { Button } from "@/ui/button";
import { Confirm } from "@/ui/confirm";
import { CopyButton } from "@/ui/copy";
import { toast } from "@/ui/toast";

/** A node shows another certificate than the one that is trusted: both, side by side, and what to compare them with. */
export function ChangedCertificate({ node, shown }: { node: Node; shown: string }) {
  const client = useQueryClient();
  const [isAsked, setIsAsked] = useState(false);
  const approve = useMutation({
    mutationFn: () =>
      answer(
        api.POST("/api/v1/nodes/{node}/approve-certificate", { params: { path: { node: node.id } }, body: { thumbprint: shown } }),
      ),
    onSuccess: async () => {
      setIsAsked(false);
      toast(`The certificate of ${node.name} is trusted now.`);
      await client.invalidateQueries({ queryKey: keys.nodes() });
    },
  });
  return (
    <section aria-label="The certificate has changed" className="rounded-xl border border-bad/35 bg-bad-wash px-4 py-3.5">
      <h2 className="flex items-center gap-2 text-lg font-semibold">
        <ShieldAlert aria-hidden className="size-5 text-bad" /> It shows another certificate
      </h2>
      <p className="mt-1 max-w-3xl text-sm text-muted">
        That is expected after its data directory was made anew, and alarming otherwise: somebody may answer in its place. Nothing
        is sent to it until you decide. Compare the right one with what <code className="code text-ink">pierhead agent</code> prints as “Thumbprint”
        on that machine.
      </p>
      <div className="mt-3 grid gap-3 lg:grid-cols-2">
        <Thumbprint label="Trusted until now" hex={node.thumbprint ?? ""} other={shown} />
        <Thumbprint label="Shown now" hex={shown} other={node.thumbprint ?? ""} />
      </div>
      <div className="mt-3">
        <Button kind="danger" onClick={() => setIsAsked(true)}>
          Trust the one shown now
        </Button>
      </div>
      <Confirm
        isOpen={isAsked}
        onClose={() => setIsAsked(false)}
        title={`Trust the new certificate of ${node.name}?`}
        action="Trust it"
        isDangerous
        command={command("nodes", "approve-certificate", node.name, shown)}
        isBusy={approve.isPending}
        error={approve.error}
        onConfirm={() => approve.mutate()}
      >
        <p>The node gets its deployments, their variables and secrets over this connection. Go on only if the thumbprints are the same on that machine.</p>
      </Confirm>
    </section>
  );
}

/** In pairs, those that differ from another one marked. */
export function Thumbprint({ label, hex, other }: { label: string; hex: string; other?: string }) {
  const compared = pairs(other ?? hex);
  return (
    <div className="rounded-lg border border-line bg-surface px-3 py-2">
      <p className="flex items-center justify-between text-xs text-muted">
        {label} <CopyButton text={pairs(hex).join(":")} what="thumbprint" />
      </p>
      <p className="code grid grid-cols-[repeat(auto-fill,minmax(1.6rem,1fr))] text-sm">
        {pairs(hex).map((pair, index) => (
          <span key={index} className={cn("text-center", compared[index] !== pair && "rounded-sm bg-warn-wash font-bold")}>
            {pair}
          </span>
        ))}
      </p>
    </div>
  );
}
