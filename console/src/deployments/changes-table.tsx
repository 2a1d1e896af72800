import { ArrowRight } from "lucide-react";
import type { Change } from "./changes";

interface Props {
  fromLabel: string;
  toLabel: string;
  changes: readonly Change[];
}

export function ChangesTable({ fromLabel, toLabel, changes }: Props) {
  return (
    <table className="w-full text-left text-sm">
      <caption className="sr-only">
        What differs: {fromLabel}, {toLabel}
      </caption>
      <thead className="border-b border-line text-xs text-muted">
        <tr>
          <th scope="col" className="px-3 py-1.5 font-normal">
            <span className="sr-only">What</span>
          </th>
          <th scope="col" className="px-3 py-1.5 font-normal">
            {fromLabel}
          </th>
          <th scope="col" className="px-3 py-1.5 font-normal">
            <span className="inline-flex items-center gap-1">
              <ArrowRight aria-hidden className="size-3" /> {toLabel}
            </span>
          </th>
        </tr>
      </thead>
      <tbody>
        {changes.length === 0 && (
          <tr>
            <td colSpan={3} className="px-3 py-2 text-muted">
              Nothing: it is the same commit, release and settings.
            </td>
          </tr>
        )}
        {changes.map(({ what, from, to }) => (
          <tr key={what} className="border-b border-line align-top last:border-0">
            <th scope="row" className="w-px px-3 py-1.5 font-normal [overflow-wrap:normal] text-muted sm:whitespace-nowrap">
              {what}
            </th>
            <Value value={from} />
            <Value value={to} />
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Value({ value }: { value: string | null }) {
  return (
    <td className="px-3 py-1.5 text-xs">{value === null ? <span className="text-muted">none</span> : <code className="code">{value}</code>}</td>
  );
}
