import { Link } from "@tanstack/react-router";
import { Boxes, Plus } from "lucide-react";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";

/** Where everybody begins. */
export function FirstProject() {
  return (
    <Empty
      icon={<Boxes />}
      title="Put the first thing on the air"
      action={
        <Button kind="primary" asChild>
          <Link to="/projects/new">
            <Plus aria-hidden /> New project
          </Link>
        </Button>
      }
      command="pierhead deploy https://github.com/you/your-site"
    >
      Paste the address of a repository. Pierhead finds out how to build it, shows you the plan, and gives it a URL.
    </Empty>
  );
}
