import { Box, CircleHelp, Globe, Hammer, type LucideIcon, Plug } from "lucide-react";
import { type StepKind, isKind } from "./model";

export const ICONS: Record<StepKind, LucideIcon> = { service: Box, build: Hammer, site: Globe, plugin: Plug };
const LOOKS: Record<StepKind, string> = {
  service: "bg-accent-wash text-accent",
  build: "bg-build-wash text-build",
  site: "bg-good-wash text-good",
  plugin: "bg-rise-wash text-rise",
};

export function StepIcon({ kind }: { kind: string | undefined }) {
  const known = isKind(kind) ? kind : null;
  const Icon = known === null ? CircleHelp : ICONS[known];
  return (
    <span aria-hidden className={`grid size-7 shrink-0 place-items-center rounded-md [&_svg]:size-4 ${known === null ? "bg-hover text-muted" : LOOKS[known]}`}>
      <Icon />
    </span>
  );
}
