import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";

function useStale(project: string) {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: keys.notifications(project) });
}

export function useAddNotification(project: string) {
  return useMutation({
    mutationFn: (body: Schemas["NotificationRequest"]) => answer(api.POST("/api/v1/projects/{project}/notifications", { params: { path: { project } }, body })),
    onSuccess: useStale(project),
  });
}

export function useDeleteNotification(project: string, notification: string) {
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/projects/{project}/notifications/{notification}", { params: { path: { project, notification } } })),
    onSuccess: useStale(project),
  });
}

export function useTestNotification(project: string, notification: string) {
  return useMutation({
    mutationFn: () => answer(api.POST("/api/v1/projects/{project}/notifications/{notification}/test", { params: { path: { project, notification } } })),
    onSuccess: useStale(project),
  });
}

export function useReplay(project: string, notification: string) {
  return useMutation({
    mutationFn: (delivery: string) =>
      answer(api.POST("/api/v1/projects/{project}/notifications/{notification}/deliveries/{delivery}/replay", { params: { path: { project, notification, delivery } } })),
    onSuccess: useStale(project),
  });
}
