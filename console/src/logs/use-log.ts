import { useState, useSyncExternalStore } from "react";
import { LogFeed, type LogSnapshot } from "./feed";

export interface Log extends LogSnapshot {
  retry: () => void;
}

/** The log of a deployment, for as long as somebody looks at it; of a node that runs a share of it, or of the one that leads. */
export function useLog(id: string, node?: string): Log {
  const [held, setHeld] = useState(() => ({ id, node, feed: new LogFeed(id, node) }));
  if (held.id !== id || held.node !== node) setHeld({ id, node, feed: new LogFeed(id, node) });
  const { feed } = held;
  const snapshot = useSyncExternalStore(feed.subscribe, () => feed.snapshot);
  return { ...snapshot, retry: () => feed.retry() };
}
