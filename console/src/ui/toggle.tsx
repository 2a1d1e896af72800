import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

interface Props extends Omit<ComponentProps<"button">, "aria-pressed"> {
  isOn: boolean;
}

/** A button that stays down. */
export function Toggle({ isOn, className, ...rest }: Props) {
  return (
    <button
      type="button"
      aria-pressed={isOn}
      className={cn(
        "inline-flex h-7 shrink-0 items-center justify-center gap-1.5 rounded-md px-2 text-xs whitespace-nowrap [&_svg]:size-4",
        "hover:bg-hover max-sm:h-9 max-sm:min-w-9",
        isOn ? "bg-accent-wash text-accent" : "text-muted",
        className,
      )}
      {...rest}
    />
  );
}
