import { type ErrorComponentProps, Link, useRouter } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { ProblemPanel } from "@/ui/problem-panel";
import { useTitle } from "@/ui/page";

export function NotFound() {
  useTitle("Not found");
  return (
    <div className="grid flex-1 place-items-center">
      <Empty
        icon={<Compass />}
        isPage
        title="There is no such page"
        action={
          <Button asChild kind="primary">
            <Link to="/projects">Projects</Link>
          </Button>
        }
        command="pierhead projects"
      >
        The address is wrong, or what it belonged to is gone.
      </Empty>
    </div>
  );
}

export function PageFailed({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const retry = () => {
    reset();
    void router.invalidate();
  };
  return (
    <div className="mx-auto w-full max-w-2xl p-6">
      <ProblemPanel what="This page could not be shown" error={error} onRetry={retry} />
    </div>
  );
}
