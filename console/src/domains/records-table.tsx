import { CopyButton } from "@/ui/copy";
import type { Domain } from "./queries";

/** What to paste where the hostname's DNS is kept. */
export function RecordsTable({ records }: Pick<Domain, "records">) {
  return (
    <div className="overflow-x-auto rounded-md border border-line" tabIndex={0} role="region" aria-label="DNS records">
      <table className="w-full text-xs">
        <thead>
          <tr className="border-b border-line text-left text-muted">
            <th scope="col" className="px-3 py-1.5 font-normal">
              Type
            </th>
            <th scope="col" className="px-2 py-1.5 font-normal">
              Name
            </th>
            <th scope="col" className="px-2 py-1.5 font-normal">
              Value
            </th>
          </tr>
        </thead>
        <tbody>
          {records.map(({ type, name, value }) => (
            <tr key={type} className="border-b border-line bg-sunken/60 last:border-0">
              <th scope="row" className="code px-3 py-1 text-left font-medium">
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
    <td className="px-2 py-1">
      <span className="flex items-center gap-1">
        <code className="code whitespace-nowrap">{text}</code>
        <CopyButton text={text} what={what} />
      </span>
    </td>
  );
}
