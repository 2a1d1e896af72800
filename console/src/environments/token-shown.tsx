import { TriangleAlert } from "lucide-react";
import type { Node } from "@/api/queries";
import { CopyButton, Command } from "@/ui/copy";

const USUAL_PORT = "8410";

/** How the agent is started with its token. This is the only time that the token is known. */
export function TokenShown({ node, token }: { node: Pick<Node, "name" | "address">; token: string }) {
  const port = node.address?.split(":").at(-1) ?? USUAL_PORT;
  const start =
    node.address === null
      ? `PIERHEAD_AGENT_TOKEN=${token} pierhead agent --control-address ${location.hostname}:PORT`
      : `PIERHEAD_AGENT_TOKEN=${token} pierhead agent --listen 0.0.0.0:${port}`;
  return (
    <div className="flex flex-col gap-3">
      <p className="flex items-start gap-2 text-sm">
        <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
        <span>
          The token of {node.name} is shown this once. Copy it before you close this: afterwards it can only be replaced.
        </span>
      </p>
      <p className="flex items-center gap-1 rounded-md border border-line bg-sunken py-1 pr-1 pl-2.5">
        <code className="code min-w-0 flex-1 text-sm break-all">{token}</code>
        <CopyButton text={token} what="token" />
      </p>
      <div className="flex flex-col gap-1.5">
        <span className="text-sm">Start its agent on that machine:</span>
        <Command text={start} />
        {node.address === null && (
          <span className="text-xs text-muted">
            PORT is this server&apos;s <code className="code">--agent-listen</code>.
          </span>
        )}
      </div>
    </div>
  );
}
