/**
 * Lists that somebody has scrolled far down.
 *
 * Reading them again is one request for each of their pages, and every event makes them stale. So what an event says is written
 * into them where they are; what is new is at their top, and comes when they are opened again.
 */

import type { InfiniteData, Query } from "@tanstack/react-query";
import type { Schemas } from "./client";

/** Pages that are read again at once. */
const SHORT_PAGES = 4;

type Event = Schemas["TransitionEvent"];
type Pages<T> = InfiniteData<{ items: T[]; next_cursor: string | null }>;

function isPages(data: unknown): data is Pages<{ id: string }> {
  return typeof data === "object" && data !== null && "pages" in data && Array.isArray(data.pages);
}

/** Whether it is read again when it is stale. */
export function isShort(query: Pick<Query, "state">): boolean {
  const data: unknown = query.state.data;
  return !isPages(data) || data.pages.length <= SHORT_PAGES;
}

/** The same pages with some items changed; the same object when there is none. */
function changed<T>(data: Pages<T>, change: (item: T) => T): Pages<T> {
  const pages = data.pages.map((page) => {
    const items = page.items.map(change);
    if (items.every((item, index) => item === page.items[index])) return page;
    return { ...page, items };
  });
  return pages.every((page, index) => page === data.pages[index]) ? data : { ...data, pages };
}

/** Deployments with the states that they have gone into. */
export function moved(data: unknown, events: readonly Event[]): unknown {
  if (!isPages(data)) return data;
  const last = new Map(events.map((event) => [event.deployment, event.to]));
  return changed(data as Pages<Schemas["Deployment"]>, (deployment) => {
    const state = last.get(deployment.id);
    return state === undefined || state === deployment.state ? deployment : { ...deployment, state };
  });
}

/** Projects with what has gone live in them. */
export function wentLive(data: unknown, events: readonly Event[]): unknown {
  if (!isPages(data)) return data;
  const live = new Map(events.filter(({ slot, to }) => slot === "production" && to === "PRODUCTION").map((event) => [event.project, event.deployment]));
  return changed(data as Pages<Schemas["Project"]>, (project) => {
    const deployment = live.get(project.name);
    return deployment === undefined || deployment === project.live ? project : { ...project, live: deployment };
  });
}
