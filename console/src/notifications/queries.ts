/** What is read of who is told what happened. */

import { queryOptions } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";

export type Notification = Schemas["Notification"];
export type Sent = Schemas["SentNotification"];

/** What an attempt came to is no event, so it is asked for: often while something is on its way. */
const SENDING_EVERY_MS = 1_500;
const CALM_EVERY_MS = 15_000;
/** What waits for hours is not looked at every second. */
const SOON_MS = 60_000;

export const notificationsQuery = (project: string) =>
  queryOptions({
    queryKey: keys.notifications(project),
    queryFn: async ({ signal }) => (await answer(api.GET("/api/v1/projects/{project}/notifications", { signal, params: { path: { project } } }))).items,
  });

export const sentQuery = (project: string, notification: string) =>
  queryOptions({
    queryKey: [...keys.notifications(project), notification, "sent"],
    queryFn: async ({ signal }) =>
      (await answer(api.GET("/api/v1/projects/{project}/notifications/{notification}/deliveries", { signal, params: { path: { project, notification } } }))).items,
    refetchInterval: ({ state: { data } }) => (data?.some(isOnItsWay) === true ? SENDING_EVERY_MS : CALM_EVERY_MS),
  });

function isOnItsWay({ state, next_attempt_at }: Sent): boolean {
  return state === "pending" && (next_attempt_at === null || new Date(next_attempt_at).getTime() - Date.now() < SOON_MS);
}
