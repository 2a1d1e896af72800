import { CircleCheck, X } from "lucide-react";
import { Toast as Radix } from "radix-ui";
import { useSyncExternalStore } from "react";

interface Shown {
  id: number;
  text: string;
  action?: { label: string; run: () => void } | undefined;
}

let shown: Shown[] = [];
let count = 0;
const listeners = new Set<() => void>();

function set(next: Shown[]): void {
  shown = next;
  for (const listener of listeners) listener();
}

/** Confirms what was done. What failed stays where it failed instead. */
export function toast(text: string, action?: Shown["action"]): void {
  count += 1;
  set([...shown.slice(-3), { id: count, text, action }]);
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export function Toasts() {
  const toasts = useSyncExternalStore(subscribe, () => shown);
  return (
    <Radix.Provider duration={6_000} swipeDirection="right">
      {toasts.map(({ id, text, action }) => (
        <Radix.Root
          key={id}
          onOpenChange={(isOpen) => !isOpen && set(shown.filter((it) => it.id !== id))}
          className="flex animate-appear items-center gap-2.5 rounded-lg border border-line bg-raised py-2 pr-2 pl-3 text-sm shadow-xl shadow-[black]/20"
        >
          <CircleCheck aria-hidden className="size-4 shrink-0 text-good" />
          <Radix.Description className="min-w-0 flex-1">{text}</Radix.Description>
          {action !== undefined && (
            <Radix.Action
              altText={action.label}
              onClick={action.run}
              className="rounded-md px-2 py-1 font-medium text-accent hover:bg-hover"
            >
              {action.label}
            </Radix.Action>
          )}
          <Radix.Close aria-label="Dismiss" className="grid size-6 place-items-center rounded-md text-muted hover:bg-hover">
            <X aria-hidden className="size-3.5" />
          </Radix.Close>
        </Radix.Root>
      ))}
      <Radix.Viewport className="fixed right-4 bottom-4 z-60 flex w-[min(24rem,calc(100vw-2rem))] flex-col gap-2 outline-none max-md:bottom-18" />
    </Radix.Provider>
  );
}
