import { useEffect, useState, useSyncExternalStore } from "react";
import { nextTick } from "./time";

/** The present, again whenever a relative time of `at` would read differently. */
export function useNow(at: string | number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setTimeout(() => setNow(Date.now()), nextTick(at, now));
    return () => clearTimeout(timer);
  }, [at, now]);
  return now;
}

const TICK_MS = 250;
const tickers = new Set<() => void>();
let ticking: ReturnType<typeof setInterval> | undefined;
let tick = Date.now();

function subscribe(listener: () => void): () => void {
  tickers.add(listener);
  tick = Date.now();
  ticking ??= setInterval(() => {
    tick = Date.now();
    for (const each of tickers) each();
  }, TICK_MS);
  return () => {
    tickers.delete(listener);
    if (tickers.size > 0) return;
    clearInterval(ticking);
    ticking = undefined;
  };
}

const still = () => () => undefined;

/** The present, four times a second while `isRunning`: one clock for every running duration on the page. */
export function useTicker(isRunning: boolean): number {
  return useSyncExternalStore(isRunning ? subscribe : still, () => tick);
}
