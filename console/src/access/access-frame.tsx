import type { ReactNode } from "react";
import { Logo } from "@/shell/logo";

/** The quiet page around signing in and setting up. */
export function AccessFrame({ title, description, children }: { title: string; description: ReactNode; children: ReactNode }) {
  return (
    <main className="grid min-h-dvh place-items-center px-4 py-10">
      <div className="w-full max-w-sm">
        <Logo className="mb-5 size-10" />
        <h1 className="text-xl font-semibold">{title}</h1>
        <p className="mt-1 mb-6 text-sm text-pretty text-muted">{description}</p>
        {children}
      </div>
    </main>
  );
}
