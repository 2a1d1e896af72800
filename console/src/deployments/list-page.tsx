import { Link, getRouteApi, useNavigate } from "@tanstack/react-router";
import { Button } from "@/ui/button";
import { Page, useTitle } from "@/ui/page";
import { DeploymentList } from "./deployment-list";
import { StateFilter } from "./state-filter";

const route = getRouteApi("/app/deployments");

/** What is going on, over all projects. */
export function DeploymentListPage() {
  useTitle("Deployments");
  const navigate = useNavigate();
  const { state } = route.useSearch();
  return (
    <Page
      title="Deployments"
      actions={<StateFilter state={state} onState={(next) => void navigate({ to: "/deployments", search: { state: next }, replace: true })} />}
    >
      <DeploymentList
        filter={{ states: state === undefined ? undefined : [state] }}
        isFiltered={state !== undefined}
        clear={
          <Button asChild>
            <Link to="/deployments">Show every state</Link>
          </Button>
        }
      />
    </Page>
  );
}
