import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi, useNavigate } from "@tanstack/react-router";
import { slotsQuery } from "@/api/queries";
import { DeploymentList } from "@/deployments/deployment-list";
import { StateFilter } from "@/deployments/state-filter";
import { Button } from "@/ui/button";
import { Select } from "@/ui/field";
import { useTitle } from "@/ui/page";

const route = getRouteApi("/app/projects/$project/deployments");

export function ProjectDeploymentsPage() {
  const { project } = route.useParams();
  useTitle("Deployments", project);
  const navigate = useNavigate();
  const { state, slot } = route.useSearch();
  const slots = useQuery(slotsQuery(project)).data ?? [];
  const change = (next: { state?: typeof state; slot?: string | undefined }) =>
    void navigate({ to: "/projects/$project/deployments", params: { project }, search: { state, slot, ...next }, replace: true });
  return (
    <>
      <div className="flex flex-wrap gap-2">
        <StateFilter state={state} onState={(next) => change({ state: next })} />
        <Select aria-label="Slot" value={slot ?? ""} onChange={(event) => change({ slot: event.target.value || undefined })} className="w-auto!">
          <option value="">All slots</option>
          {slots.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </Select>
      </div>
      <DeploymentList
        filter={{ project, slot, states: state === undefined ? undefined : [state] }}
        isFiltered={state !== undefined || slot !== undefined}
        clear={
          <Button asChild>
            <Link to="/projects/$project/deployments" params={{ project }}>
              Clear the filter
            </Link>
          </Button>
        }
      />
    </>
  );
}
