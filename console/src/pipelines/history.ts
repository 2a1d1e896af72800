/** What was written, step by step, so that all of it can be taken back: also where steps were moved to. */

export interface Position {
  x: number;
  y: number;
}

export interface Snapshot {
  text: string;
  positions: Readonly<Record<string, Position>>;
}

export interface History {
  past: readonly Snapshot[];
  present: Snapshot;
  future: readonly Snapshot[];
  /** What the present was made by: more of the same soon after is the same gesture. */
  gesture: { name: string; at: number } | null;
}

const MOST = 200;
const PAUSE_MS = 900;

export function begin(present: Snapshot): History {
  return { past: [], present, future: [], gesture: null };
}

/** The next state. A `gesture` of a name, such as typing in one field, is one step back however many changes it had. */
export function change(history: History, next: Partial<Snapshot>, now: number, gesture: string | null = null): History {
  const present = { ...history.present, ...next };
  if (present.text === history.present.text && present.positions === history.present.positions) return history;
  const isSame = gesture !== null && history.gesture?.name === gesture && now - history.gesture.at < PAUSE_MS;
  return {
    past: isSame ? history.past : [...history.past.slice(1 - MOST), history.present],
    present,
    future: [],
    gesture: gesture === null ? null : { name: gesture, at: now },
  };
}

export function undo(history: History): History {
  const before = history.past.at(-1);
  if (before === undefined) return history;
  return { past: history.past.slice(0, -1), present: before, future: [history.present, ...history.future], gesture: null };
}

export function redo(history: History): History {
  const [next, ...future] = history.future;
  if (next === undefined) return history;
  return { past: [...history.past, history.present], present: next, future, gesture: null };
}
