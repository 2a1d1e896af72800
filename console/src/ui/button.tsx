import { LoaderCircle } from "lucide-react";
import { Slot } from "radix-ui";
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

type Kind = "primary" | "plain" | "quiet" | "danger";

const KINDS: Record<Kind, string> = {
  primary: "bg-accent-solid text-on-accent hover:bg-accent-hover border-transparent font-medium",
  plain: "bg-surface text-ink border-line hover:bg-hover hover:border-line-strong/60",
  quiet: "bg-transparent text-muted border-transparent hover:bg-hover hover:text-ink",
  danger: "bg-bad-solid text-[white] border-transparent hover:brightness-110 font-medium",
};

interface Props extends ComponentProps<"button"> {
  kind?: Kind;
  size?: "small" | "medium" | "icon";
  isBusy?: boolean;
  /** Gives its looks to the one element inside, a link for example. */
  asChild?: boolean;
}

export function Button({ kind = "plain", size = "medium", isBusy, asChild, className, children, ...rest }: Props) {
  const look = cn(
    "inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md border whitespace-nowrap select-none",
    "transition-colors duration-100 disabled:opacity-55 aria-disabled:opacity-55",
    "[&_svg]:size-4 [&_svg]:shrink-0",
    size === "small" && "h-7 px-2.5 text-xs [&_svg]:size-3.5",
    size === "medium" && "h-8 px-3 text-sm max-sm:h-9",
    size === "icon" && "size-8 text-sm max-sm:size-9",
    KINDS[kind],
    className,
  );
  if (asChild === true) return <Slot.Root className={look}>{children}</Slot.Root>;
  return (
    <button type="button" className={look} {...rest} disabled={rest.disabled === true || isBusy === true} aria-busy={isBusy}>
      {isBusy === true && <LoaderCircle aria-hidden className="animate-spin" />}
      {children}
    </button>
  );
}
