import { CopyButton } from "@/ui/copy";
import type { Domain } from "./queries";

const LABEL = "px-3 py-1.5 font-normal";

/** What to paste where the hostname's DNS is kept: a table, and one below the other where there is no room for one. */
export function RecordsTable({ records }: Pick<Domain, "records">) {
  return (
    <div className="overflow-x-auto rounded-md border border-line" tabIndex={0} role="region" aria-label="DNS records">
      <table className="w-full text-xs max-sm:block">
        <thead className="max-sm:sr-only">
          <tr className="border-b border-line text-left text-muted">
            <th scope="col" className={LABEL}>
              Type
            </th>
            <th scope="col" className={LABEL}>
              Name
            </th>
            <th scope="col" className={LABEL}>
              Value
            </th>
          </tr>
        </thead>
        <tbody className="max-sm:block">
          {records.map(({ type, name, value }) => (
            <tr key={type} className="border-b border-line bg-sunken/60 last:border-0 max-sm:block max-sm:py-1.5">
              <th scope="row" className="code px-3 py-1 text-left font-medium whitespace-nowrap max-sm:block">
                {type}
              </th>
              <Cell text={name} what={`name of the ${type} record`} />
              <Cell text={value} what={`value of the ${type} record`} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ text, what }: { text: string; what: string }) {
  return (
    <td className="px-3 py-1 max-sm:block max-sm:py-0">
      <span className="flex items-center gap-1 max-sm:justify-between">
        <code className="code whitespace-nowrap max-sm:whitespace-normal max-sm:wrap-anywhere">{text}</code>
        <CopyButton text={text} what={what} />
      </span>
    </td>
  );
}
