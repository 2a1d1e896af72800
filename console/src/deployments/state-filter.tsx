import type { DeploymentState } from "@/api/queries";
import { Select } from "@/ui/field";
import { ALL_STATES, STATES } from "./states";

export function StateFilter({ state, onState }: { state: DeploymentState | undefined; onState: (state: DeploymentState | undefined) => void }) {
  return (
    <Select
      aria-label="State"
      value={state ?? ""}
      onChange={(event) => onState(ALL_STATES.find((it) => it === event.target.value))}
      className="w-auto!"
    >
      <option value="">All states</option>
      {ALL_STATES.map((it) => (
        <option key={it} value={it}>
          {STATES[it].label}
        </option>
      ))}
    </Select>
  );
}
