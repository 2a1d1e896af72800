import { useMutation, useQueryClient } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import { keys } from "@/api/keys";

/** What changes an account, and makes the list read it again. */
export function useChangeUser(email: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { role?: "admin" | "user"; disabled?: boolean }) => answer(api.PATCH("/api/v1/users/{user}", { params: { path: { user: email } }, body })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.users() }),
  });
}
