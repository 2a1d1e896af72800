import { Check, Copy } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { copyText } from "@/lib/clipboard";
import { cn } from "@/lib/cn";

const SHOWN_MS = 1_600;

function useCopied(text: string): [boolean, () => void] {
  const [isCopied, setIsCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setIsCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  return [isCopied, () => void copyText(text).then(setIsCopied)];
}

function Mark({ isCopied }: { isCopied: boolean }) {
  return isCopied ? <Check aria-hidden className="size-3.5 text-good" /> : <Copy aria-hidden className="size-3.5" />;
}

export function CopyButton({ text, what, className }: { text: string; what: string; className?: string }) {
  const [isCopied, copy] = useCopied(text);
  return (
    <button
      type="button"
      onClick={copy}
      aria-label={isCopied ? "Copied" : `Copy ${what}`}
      title={`Copy ${what}`}
      className={cn("grid size-6 shrink-0 place-items-center rounded-sm text-faint hover:bg-hover hover:text-ink", className)}
    >
      <Mark isCopied={isCopied} />
    </button>
  );
}

/** An id that is copied by a click on it. */
export function CopyId({ id, shown = id, what, className }: { id: string; shown?: string; what: string; className?: string }) {
  const [isCopied, copy] = useCopied(id);
  return (
    <button
      type="button"
      onClick={copy}
      title={`Copy ${what}`}
      aria-label={isCopied ? "Copied" : `Copy ${what} ${id}`}
      className={cn(
        "code -mx-1 inline-flex min-h-6 items-center gap-1 rounded-sm px-1 text-left text-muted hover:bg-hover hover:text-ink",
        className,
      )}
    >
      {shown}
      {isCopied && <Mark isCopied />}
    </button>
  );
}

/** A command as it is typed, with a button that copies it. */
export function Command({ text, className }: { text: string; className?: string }) {
  return (
    <span
      className={cn(
        "flex min-w-0 items-center gap-1 rounded-md border border-line bg-sunken py-0.5 pr-0.5 pl-2.5 text-left",
        className,
      )}
    >
      <code className="code min-w-0 flex-1 py-1 wrap-anywhere">
        <span aria-hidden className="text-faint select-none">
          ${" "}
        </span>
        {text}
      </code>
      <CopyButton text={text} what="command" />
    </span>
  );
}

/** A row of label and value, the value copied by a button at its end. */
export function Copyable({ text, what, children }: { text: string; what: string; children: ReactNode }) {
  return (
    <span className="flex min-w-0 items-center gap-1">
      <span className="min-w-0 truncate">{children}</span>
      <CopyButton text={text} what={what} />
    </span>
  );
}
