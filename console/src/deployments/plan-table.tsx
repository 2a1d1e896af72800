import type { Plan } from "@/api/queries";
import { TriangleAlert } from "lucide-react";
import { Prose } from "@/ui/prose";

type Shown = {
  [field in keyof Plan]: Plan[field] extends string | number | null ? field : never;
}[keyof Plan];

const FIELDS: [Shown, string][] = [
  ["framework", "Framework"],
  ["runtime", "Runtime"],
  ["runtime_version", "Runtime version"],
  ["package_manager", "Package manager"],
  ["root_directory", "Root directory"],
  ["dockerfile", "Dockerfile"],
  ["install_command", "Install command"],
  ["build_command", "Build command"],
  ["output_directory", "Output directory"],
  ["document_root", "Document root"],
  ["release_command", "Release command"],
  ["start_command", "Start command"],
  ["port", "Port"],
];

const ORIGINS: Record<string, string> = {
  flag: "said for this deployment",
  project_file: "project file",
  project: "project settings",
  foreign_file: "another tool's file",
  detected: "detected",
  default: "usual",
};

/** Every value of a plan, and who decided it. */
export function PlanTable({ plan }: { plan: Plan }) {
  const rows = FIELDS.filter(([field]) => plan[field] !== null);
  return (
    <>
      <PlanWarnings plan={plan} />
      <table className="w-full text-left text-sm">
        <caption className="sr-only">How it is built</caption>
        <tbody>
          {rows.map(([field, label]) => {
            const reason = plan.reasons.find((it) => it.field === field);
            const value = field === "framework" ? plan.name : String(plan[field]);
            return (
              <tr key={field} className="border-b border-line align-top last:border-0 max-sm:flex max-sm:flex-col max-sm:py-1.5">
                <th scope="row" className="w-40 px-4 py-2 font-normal text-muted max-sm:w-auto max-sm:py-0 max-sm:text-xs">{label}</th>
                <td className="px-4 py-2 max-sm:py-0">{field === "framework" ? value : <code className="code">{value}</code>}</td>
                <td className="px-4 py-2 text-xs text-muted max-sm:py-0">
                  {reason !== undefined && (
                    <>
                      <span className="text-ink">{ORIGINS[reason.origin]}</span>
                      {reason.file !== null && (
                        <code className="code"> {reason.line === null ? reason.file : `${reason.file}:${reason.line}`}</code>
                      )}
                      <span className="block text-pretty"><Prose text={reason.because} /></span>
                    </>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </>
  );
}

export function PlanWarnings({ plan }: { plan: Plan }) {
  const { warnings, suggestions } = plan;
  if (warnings.length + suggestions.length === 0) return null;
  return (
    <ul className="border-b border-line px-4 py-2.5 text-sm">
      {warnings.map((warning) => (
        <li key={warning} className="flex items-start gap-2">
          <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
          <span><span className="sr-only">Warning: </span><Prose text={warning} /></span>
        </li>
      ))}
      {suggestions.map((suggestion) => (
        <li key={suggestion} className="ml-6 text-muted"><Prose text={suggestion} /></li>
      ))}
    </ul>
  );
}
