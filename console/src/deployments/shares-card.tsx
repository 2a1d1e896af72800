import { Link } from "@tanstack/react-router";
import type { Schemas } from "@/api/client";
import type { Deployment } from "@/api/queries";
import { Card } from "@/ui/card";

type Share = Schemas["Share"];

const STATUSES: Record<Share["status"], string> = { waiting: "waits", starting: "starts", healthy: "healthy", failed: "failed", stopped: "stopped" };

/** What other nodes run of it: further replicas of its services. Nothing where one node runs all of it. */
export function SharesCard({ deployment: { node, shares } }: { deployment: Deployment }) {
  if (shares.length === 0) return null;
  return (
    <Card title="On other nodes" description={`Further replicas of its services.${node === null ? "" : ` ${node} leads it.`}`} isFlush>
      <ul aria-label="On other nodes">
        {shares.map((share) => (
          <li key={share.node} className="flex min-h-11 flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-4 py-2 text-sm last:border-0">
            <Link to="/nodes/$node" params={{ node: share.node }} className="font-medium hover:underline">
              {share.node}
            </Link>
            <span className="min-w-0 flex-1 text-muted">
              {Object.entries(share.replicas)
                .map(([service, numbers]) => `${service} ${numbers.map((number) => `#${number}`).join(" ")}`)
                .join(", ")}
            </span>
            <span className={share.offline || share.status === "failed" ? "text-bad" : share.status === "healthy" ? "text-good" : "text-muted"}>{share.offline ? "offline: nobody is sent there" : STATUSES[share.status]}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
