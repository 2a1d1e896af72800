import { useState, useSyncExternalStore } from "react";
import { LogFeed, type LogSnapshot } from "./feed";

export interface Log extends LogSnapshot {
  retry: () => void;
}

/** The log of a deployment, for as long as somebody looks at it. */
export function useLog(id: string): Log {
  const [held, setHeld] = useState(() => ({ id, feed: new LogFeed(id) }));
  if (held.id !== id) setHeld({ id, feed: new LogFeed(id) });
  const { feed } = held;
  const snapshot = useSyncExternalStore(feed.subscribe, () => feed.snapshot);
  return { ...snapshot, retry: () => feed.retry() };
}
