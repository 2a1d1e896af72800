import { type ReactNode, useEffect } from "react";
import { cn } from "@/lib/cn";

/** The title of the tab, the most particular first: "FAILED · #18 · shop · Pierhead". */
export function useTitle(...parts: (string | undefined)[]): void {
  const title = [...parts.filter((part) => part !== undefined), "Pierhead"].join(" · ");
  useEffect(() => {
    document.title = title;
  }, [title]);
}

interface Props {
  title: ReactNode;
  description?: ReactNode;
  actions?: ReactNode;
  width?: "text" | "usual" | "wide";
  children: ReactNode;
}

export function Page({ title, description, actions, width = "usual", children }: Props) {
  return (
    <div
      className={cn(
        "mx-auto flex w-full flex-col gap-5 px-4 py-5 sm:px-6 lg:px-8 lg:py-7",
        width === "text" && "max-w-3xl",
        width === "usual" && "max-w-6xl",
        width === "wide" && "max-w-[92rem]",
      )}
    >
      <header className="flex flex-wrap items-center gap-x-4 gap-y-3">
        <div className="min-w-0 flex-1 basis-60">
          <h1 className="text-xl font-semibold">{title}</h1>
          {description !== undefined && <p className="mt-0.5 text-sm text-muted">{description}</p>}
        </div>
        {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
