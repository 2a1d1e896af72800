import { DropdownMenu as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { cn } from "@/lib/cn";
import { Keys } from "./keys";

interface Props {
  trigger: ReactNode;
  label?: string;
  align?: "start" | "end";
  children: ReactNode;
}

/** Not modal, because Radix' scroll lock adds a `<style>` element, which the content security policy forbids. */
export function Menu({ trigger, label, align = "end", children }: Props) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align={align}
          sideOffset={6}
          collisionPadding={8}
          aria-label={label}
          className="z-50 max-h-(--radix-dropdown-menu-content-available-height) min-w-48 animate-appear overflow-y-auto rounded-lg border border-line bg-raised p-1 shadow-xl shadow-[black]/15"
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface ItemProps {
  icon?: ReactNode;
  shortcut?: string;
  isDangerous?: boolean;
  disabled?: boolean;
  /** Why it cannot be chosen. */
  reason?: string | undefined;
  onSelect?: () => void;
  asChild?: boolean;
  children: ReactNode;
}

export const menuItemLook =
  "flex min-h-8 items-center gap-2.5 rounded-md px-2 py-1 text-sm outline-none select-none data-highlighted:bg-hover [&_svg]:size-4 [&_svg]:shrink-0 max-sm:min-h-10";

export function MenuItem({ icon, shortcut, isDangerous, disabled, reason, onSelect, asChild, children }: ItemProps) {
  const look = cn(menuItemLook, isDangerous === true ? "text-bad" : "text-ink", disabled === true && "text-faint");
  if (asChild === true) {
    return (
      <Radix.Item asChild className={look}>
        {children}
      </Radix.Item>
    );
  }
  return (
    <Radix.Item disabled={disabled} onSelect={onSelect} className={look}>
      {icon !== undefined && <span className="text-muted">{icon}</span>}
      <span className="flex-1">
        {children}
        {disabled === true && reason !== undefined && <span className="block text-xs text-faint">{reason}</span>}
      </span>
      {shortcut !== undefined && <Keys keys={shortcut} />}
    </Radix.Item>
  );
}

export function MenuSeparator() {
  return <Radix.Separator className="my-1 h-px bg-line" />;
}
