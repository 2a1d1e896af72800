import { useQuery } from "@tanstack/react-query";
import { teamsQuery } from "@/teams/queries";
import { Field, Select } from "@/ui/field";

/** Whose a new project will be; only asked of those who are in a team that may have one. */
export function OwnerField({ value, onChange, isDisabled }: { value: string | null; onChange: (team: string | null) => void; isDisabled?: boolean }) {
  const teams = (useQuery(teamsQuery()).data ?? []).filter(({ role }) => role !== null && role !== "viewer");
  if (teams.length === 0) return null;
  return (
    <Field label="Owner" hint={value === null ? "You alone, until you grant it to others." : `The members of ${value} may do what their role says.`}>
      {(attributes) => (
        <Select {...attributes} value={value ?? ""} disabled={isDisabled} onChange={({ target }) => onChange(target.value === "" ? null : target.value)} className="sm:max-w-80">
          <option value="">You</option>
          {teams.map(({ name }) => (
            <option key={name} value={name}>
              The team {name}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
