import { useQuery } from "@tanstack/react-query";
import { ShieldCheck, Trash2, Upload } from "lucide-react";
import { useState } from "react";
import { cn } from "@/lib/cn";
import { useNow } from "@/lib/now";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Empty } from "@/ui/empty";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { TimeAgo } from "@/ui/time-ago";
import { toast } from "@/ui/toast";
import { expiryOf } from "./domain-states";
import { HandOverDialog } from "./hand-over-dialog";
import { useDeleteCertificate } from "./mutations";
import { type Certificate, certificatesQuery } from "./queries";

interface Props {
  /** `null`: the installation's own names. */
  project: string | null;
  title: string;
  description: string;
}

/** The certificates that there are: what for, until when, who brought them. */
export function CertificatesCard({ project, title, description }: Props) {
  const query = useQuery(certificatesQuery(project));
  const [isHandedOver, setIsHandedOver] = useState(false);
  const [deleted, setDeleted] = useState<Certificate | null>(null);
  return (
    <Card
      title={title}
      description={description}
      isFlush
      actions={
        <Button size="small" onClick={() => setIsHandedOver(true)}>
          <Upload aria-hidden /> Hand one over
        </Button>
      }
    >
      {query.isError && <ProblemPanel what="The certificates could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} className="m-4" />}
      {query.isPending && <SkeletonRows count={1} />}
      {query.data?.length === 0 && (
        <Empty icon={<ShieldCheck />} title="No certificates" command={project === null ? "pierhead certificates upload chain.pem key.pem --platform" : `pierhead certificates upload chain.pem key.pem --project ${project}`}>
          {project === null
            ? "Without one, the installation's own names are served by plain HTTP. With a token for its DNS a wildcard is ordered by itself."
            : "Domains that are proved get one by themselves when an authority is set up. Or bring your own."}
        </Empty>
      )}
      <ul aria-label={title}>
        {query.data?.map((certificate) => (
          <CertificateRow key={certificate.id} certificate={certificate} onDelete={() => setDeleted(certificate)} />
        ))}
      </ul>
      {isHandedOver && <HandOverDialog project={project} onClose={() => setIsHandedOver(false)} />}
      {deleted !== null && <Delete project={project} certificate={deleted} onClose={() => setDeleted(null)} />}
    </Card>
  );
}

function CertificateRow({ certificate, onDelete }: { certificate: Certificate; onDelete: () => void }) {
  const { names, source, not_after, created_by, created_at } = certificate;
  const now = useNow(not_after);
  const { isOver, isSoon } = expiryOf(not_after, now);
  return (
    <li className="flex min-h-14 items-center gap-4 border-b border-line px-4 py-2 last:border-0">
      <div className="min-w-0 flex-1">
        <p className="truncate text-sm font-medium" title={names.join(", ")}>
          {names.join(", ")}
        </p>
        <p className="text-xs text-muted">
          {source === "acme" ? "Ordered, and renewed by itself" : `Handed over by ${created_by}`} <TimeAgo at={created_at} />
        </p>
      </div>
      <p className={cn("tabular shrink-0 text-right text-xs", isOver ? "text-bad" : isSoon ? "text-warn" : "text-muted")}>
        {isOver ? "ended " : isSoon ? "ends " : "good, ends "}
        <TimeAgo at={not_after} />
      </p>
      <Button size="icon" kind="quiet" aria-label={`Delete the certificate for ${names.join(", ")}`} title="Delete" onClick={onDelete}>
        <Trash2 aria-hidden />
      </Button>
    </li>
  );
}

function Delete({ project, certificate: { id, names, source }, onClose }: { project: string | null; certificate: Certificate; onClose: () => void }) {
  const remove = useDeleteCertificate(project, id);
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title="Delete the certificate?"
      action="Delete"
      isDangerous
      isBusy={remove.isPending}
      error={remove.error}
      onConfirm={() =>
        remove.mutate(undefined, {
          onSuccess: () => {
            onClose();
            toast("The certificate is deleted.");
          },
        })
      }
    >
      <p>
        {names.join(", ")}: {source === "acme" ? "another one is ordered for the domains that still are there." : "served with another certificate if there is one, otherwise without TLS."}
      </p>
    </Confirm>
  );
}
