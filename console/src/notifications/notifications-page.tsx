import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Bell, ChevronRight, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { cn } from "@/lib/cn";
import { command } from "@/lib/shell";
import { useShortcut } from "@/lib/shortcuts";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Confirm } from "@/ui/confirm";
import { Empty } from "@/ui/empty";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { toast } from "@/ui/toast";
import { AddDialog } from "./add-dialog";
import { useDeleteNotification, useTestNotification } from "./mutations";
import { type Notification, notificationsQuery } from "./queries";
import { SentList } from "./sent-list";
import { EVENTS, formatLabel } from "./words";

const route = getRouteApi("/app/projects/$project/notifications");

/** Who is told what happens to the project, and what became of each message. */
export function NotificationsPage() {
  const { project } = route.useParams();
  useTitle("Notifications", project);
  const { open } = route.useSearch();
  const navigate = useNavigate();
  const query = useQuery(notificationsQuery(project));
  const [isAdding, setIsAdding] = useState(false);
  const [deleted, setDeleted] = useState<Notification | null>(null);
  useShortcut("n", "Tell somebody", "This page", () => setIsAdding(true));
  const isEmpty = query.data?.length === 0;
  const add = (
    <Button kind={isEmpty ? "primary" : "plain"} size={isEmpty ? "medium" : "small"} onClick={() => setIsAdding(true)}>
      <Plus aria-hidden /> Tell somebody
    </Button>
  );
  const show = (name: string | undefined) => void navigate({ to: "/projects/$project/notifications", params: { project }, search: { open: name }, replace: true });
  return (
    <div className="flex max-w-4xl flex-col gap-5">
      <Card title="Notifications" description="What happens is told at least once, and tried again for a day when nobody answers." isFlush actions={!isEmpty && add}>
        {query.isError && <ProblemPanel what="The notifications could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} className="m-4" />}
        {query.isPending && <SkeletonRows count={2} />}
        {isEmpty && (
          <Empty icon={<Bell />} title="Nobody is told" action={add} command={command("notifications", "add", "team-chat", "--format", "slack", "--project", project)}>
            A chat, or a program of yours, can be told when a deployment begins, is live, or has failed.
          </Empty>
        )}
        <ul aria-label="Notifications">
          {query.data?.map((notification) => (
            <NotificationRow
              key={notification.name}
              project={project}
              notification={notification}
              isOpen={open === notification.name}
              onOpen={(isOpen) => show(isOpen ? notification.name : undefined)}
              onDelete={() => setDeleted(notification)}
            />
          ))}
        </ul>
      </Card>
      {isAdding && <AddDialog project={project} onClose={() => setIsAdding(false)} />}
      {deleted !== null && <Delete project={project} notification={deleted} onClose={() => setDeleted(null)} />}
    </div>
  );
}

interface RowProps {
  project: string;
  notification: Notification;
  isOpen: boolean;
  onOpen: (isOpen: boolean) => void;
  onDelete: () => void;
}

function NotificationRow({ project, notification: { name, format, host, events }, isOpen, onOpen, onDelete }: RowProps) {
  const test = useTestNotification(project, name);
  const told = events.length >= EVENTS.length ? "everything" : events.join(", ");
  return (
    <li aria-label={name} className="border-b border-line last:border-0">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2 px-4 py-2.5">
        <div className="min-w-0 flex-1 basis-48">
          <p className="text-sm font-medium">{name}</p>
          <p className="text-xs text-muted">
            {formatLabel(format)} at <code className="code">{host}</code> · {told}
          </p>
        </div>
        <span className="flex items-center gap-1">
          <Button size="small" kind="quiet" aria-expanded={isOpen} aria-label={`What was sent to ${name}`} onClick={() => onOpen(!isOpen)}>
            <ChevronRight aria-hidden className={cn("transition-transform", isOpen && "rotate-90")} /> What was sent
          </Button>
          <Button size="small" isBusy={test.isPending} aria-label={`Test ${name}`} onClick={() => test.mutate(undefined, { onSuccess: () => onOpen(true) })}>
            Test
          </Button>
          <Button size="icon" kind="quiet" aria-label={`Delete ${name}`} title="Delete" onClick={onDelete}>
            <Trash2 aria-hidden />
          </Button>
        </span>
      </div>
      {test.isError && <ProblemPanel what="No test was sent" error={test.error} className="mx-4 mb-3" />}
      {isOpen && <SentList project={project} notification={name} />}
    </li>
  );
}

function Delete({ project, notification: { name }, onClose }: { project: string; notification: Notification; onClose: () => void }) {
  const remove = useDeleteNotification(project, name);
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`Tell ${name} nothing any more?`}
      action="Delete"
      isDangerous
      isBusy={remove.isPending}
      error={remove.error}
      onConfirm={() =>
        remove.mutate(undefined, {
          onSuccess: () => {
            onClose();
            toast(`${name} is deleted.`);
          },
        })
      }
    >
      <p>What is on its way to it is not sent any more, and what was sent is forgotten with it.</p>
    </Confirm>
  );
}
