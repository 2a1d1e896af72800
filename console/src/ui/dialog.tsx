import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import { type ReactNode, useEffect } from "react";
import { cn } from "@/lib/cn";

interface Props {
  isOpen: boolean;
  onClose: () => void;
  title: ReactNode;
  description?: ReactNode;
  isTitleHidden?: boolean;
  width?: "narrow" | "medium" | "wide";
  /** Near the top instead of in the middle: for what grows while one types. */
  isHigh?: boolean;
  children: ReactNode;
}

/**
 * Radix' own overlay locks scrolling with a `<style>` element, which the content security policy forbids; so the overlay is
 * ours, and the lock is a class.
 */
export function Dialog({ isOpen, onClose, title, description, isTitleHidden, width = "narrow", isHigh, children }: Props) {
  return (
    <Radix.Root open={isOpen} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <ScrollLock />
        <div aria-hidden className="fixed inset-0 z-40 animate-late bg-[oklch(0.12_0.02_240)]/45 [animation-delay:0ms]" />
        <Radix.Content
          {...(description === undefined ? { "aria-describedby": undefined } : {})}
          className={cn(
            "fixed left-1/2 z-50 flex max-h-[min(44rem,calc(100dvh-2rem))] w-[calc(100vw-2rem)] -translate-x-1/2 flex-col",
            "animate-appear overflow-hidden rounded-xl border border-line bg-raised shadow-2xl shadow-[black]/25 outline-none",
            isHigh === true ? "top-[max(1rem,12dvh)]" : "top-1/2 -translate-y-1/2",
            width === "narrow" && "max-w-md",
            width === "medium" && "max-w-xl",
            width === "wide" && "max-w-3xl",
          )}
        >
          <div className={cn("flex items-start gap-3 px-5 pt-4", isTitleHidden === true && "sr-only")}>
            <div className="min-w-0 flex-1">
              <Radix.Title className="text-lg font-semibold">{title}</Radix.Title>
              {description !== undefined && (
                <Radix.Description className="mt-1 text-sm text-muted">{description}</Radix.Description>
              )}
            </div>
            <Radix.Close
              aria-label="Close"
              className="-mr-1.5 grid size-7 place-items-center rounded-md text-muted hover:bg-hover hover:text-ink"
            >
              <X aria-hidden className="size-4" />
            </Radix.Close>
          </div>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** `isRead`: there is nothing in it that takes the focus, so it takes it itself, to be scrolled by keyboard. */
export function DialogBody({ className, isRead, children }: { className?: string; isRead?: boolean; children: ReactNode }) {
  return <div tabIndex={isRead === true ? 0 : undefined} className={cn("min-h-0 flex-1 overflow-y-auto px-5 py-4", className)}>{children}</div>;
}

export function DialogFooter({ children }: { children: ReactNode }) {
  return (
    <div className="flex flex-wrap items-center justify-end gap-2 border-t border-line bg-sunken/60 px-5 py-3">{children}</div>
  );
}

function ScrollLock() {
  useEffect(() => {
    const { classList } = document.documentElement;
    classList.add("overflow-hidden");
    return () => classList.remove("overflow-hidden");
  }, []);
  return null;
}
