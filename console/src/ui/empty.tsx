import type { ReactNode } from "react";
import { Command } from "./copy";

interface Props {
  icon: ReactNode;
  title: string;
  children: ReactNode;
  action?: ReactNode;
  /** The same on the command line. */
  command?: string | undefined;
  /** Whether it is all that there is on the page. */
  isPage?: boolean;
}

/** Why there is nothing, what to do about it, and the same on the command line. */
export function Empty({ icon, title, children, action, command, isPage }: Props) {
  const Heading = isPage === true ? "h1" : "h2";
  return (
    <div className="flex flex-col items-center px-6 py-12 text-center">
      <span className="mb-3 grid size-10 place-items-center rounded-xl border border-line bg-sunken text-muted [&_svg]:size-5">
        {icon}
      </span>
      <Heading className="text-lg font-semibold">{title}</Heading>
      <p className="mt-1 max-w-md text-sm text-pretty text-muted">{children}</p>
      {action !== undefined && <div className="mt-4 flex flex-wrap justify-center gap-2">{action}</div>}
      {command !== undefined && (
        <div className="mt-5 flex w-full max-w-md flex-col gap-1.5">
          <span className="text-xs text-faint">or on the command line</span>
          <Command text={command} />
        </div>
      )}
    </div>
  );
}
