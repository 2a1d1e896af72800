import { ExternalLink, QrCode } from "lucide-react";
import { Suspense, lazy, useState } from "react";
import { CopyButton } from "@/ui/copy";
import { Dialog, DialogBody } from "@/ui/dialog";
import { Skeleton } from "@/ui/skeleton";

const Qr = lazy(() => import("@/ui/qr"));

/** A URL to open, to copy, or to point a phone at. */
export function Address({ url, label, isLarge }: { url: string; label?: string; isLarge?: boolean }) {
  const [isQrShown, setIsQrShown] = useState(false);
  return (
    <span className="flex min-w-0 items-center">
      <a href={url} target="_blank" rel="noreferrer" className={`inline-flex min-h-6 min-w-0 items-center gap-1 text-accent hover:underline ${isLarge === true ? "text-lg font-medium" : "text-sm"}`}>
        <span className="truncate">{label ?? url.replace(/^https?:\/\//, "")}</span>
        <ExternalLink aria-hidden className="size-3.5 shrink-0" />
      </a>
      <CopyButton text={url} what="address" />
      <button type="button" onClick={() => setIsQrShown(true)} aria-label={`QR code of ${url}`} title="QR code" className="grid size-6 shrink-0 place-items-center rounded-sm text-faint hover:bg-hover hover:text-ink">
        <QrCode aria-hidden className="size-3.5" />
      </button>
      <Dialog isOpen={isQrShown} onClose={() => setIsQrShown(false)} title="Open on a phone" description={url}>
        <DialogBody className="grid place-items-center">
          <Suspense fallback={<Skeleton className="size-56" />}>
            <Qr text={url} label={`QR code of ${url}`} />
          </Suspense>
        </DialogBody>
      </Dialog>
    </span>
  );
}
