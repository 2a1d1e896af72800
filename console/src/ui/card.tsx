import type { ReactNode } from "react";
import { cn } from "@/lib/cn";

interface Props {
  title?: ReactNode;
  description?: ReactNode;
  actions?: ReactNode;
  footer?: ReactNode;
  className?: string;
  isFlush?: boolean;
  children: ReactNode;
}

export function Card({ title, description, actions, footer, className, isFlush, children }: Props) {
  return (
    <section className={cn("overflow-clip rounded-xl border border-line bg-surface", className)}>
      {title !== undefined && (
        <div className="flex flex-wrap items-center gap-x-3 gap-y-2 border-b border-line px-4 py-2.5">
          <div className="min-w-0 flex-1 basis-48">
            <h2 className="font-semibold">{title}</h2>
            {description !== undefined && <p className="mt-0.5 text-xs text-pretty text-muted">{description}</p>}
          </div>
          {actions}
        </div>
      )}
      {isFlush === true ? children : <div className="p-4">{children}</div>}
      {footer !== undefined && footer !== false && (
        <div className="flex flex-wrap items-center justify-end gap-2 border-t border-line bg-sunken/60 px-4 py-2.5">{footer}</div>
      )}
    </section>
  );
}
