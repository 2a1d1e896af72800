import { infiniteQueryOptions } from "@tanstack/react-query";
import { type Schemas, answer, api } from "@/api/client";
import { keys } from "@/api/keys";

export type User = Schemas["User"];
export type SignUpPolicy = Schemas["SignUpPolicy"];

/** By address. */
export const usersQuery = () =>
  infiniteQueryOptions({
    queryKey: keys.users(),
    queryFn: ({ signal, pageParam: cursor }) => answer(api.GET("/api/v1/users", { signal, params: { query: { cursor: cursor ?? undefined, limit: 50 } } })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });

export const POLICIES: Record<SignUpPolicy, { label: string; says: string }> = {
  closed: { label: "Who an administrator invites", says: "Invitations of others reach those who have an account." },
  invitation: { label: "Who anybody invites", says: "Whoever may invite into a team brings people in." },
  open: { label: "Everybody", says: "The sign-in page offers to make an account." },
};
