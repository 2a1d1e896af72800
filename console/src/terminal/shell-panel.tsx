import { Ear, TerminalSquare } from "lucide-react";
import { type ReactNode, useEffect, useEffectEvent, useId, useRef, useState, useSyncExternalStore } from "react";
import { cn } from "@/lib/cn";
import { Stored, useStored } from "@/lib/stored";
import { Button } from "@/ui/button";
import { Keys } from "@/ui/keys";
import { ProblemPanel } from "@/ui/problem-panel";
import { Toggle } from "@/ui/toggle";
import { type Wanted, exitWords } from "./messages";
import type { Screen } from "./screen";
import { type SessionState, ShellSession, isOver } from "./session";

/** Whether what is printed is also written for screen readers. It slows down what prints a lot, so it is a choice. */
const reading = new Stored<"on" | "off">("terminal.aloud", ["on", "off"], "off");

interface Props {
  deployment: string;
  wanted: Wanted;
  /** What it is a shell of, for people: `api of qa-7`. */
  name: string;
  isAsleep: boolean;
  /** Whether one is open: what it is a shell of stays as it is then. */
  onOpen: (isOpen: boolean) => void;
  className?: string;
}

const nothing = () => () => undefined;

/** A shell, once somebody asks for it. Whatever ends it is said, and another can be opened in its place. */
export function ShellPanel({ deployment, wanted, name, isAsleep, onOpen, className }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const screen = useRef<Screen | null>(null);
  const latest = useRef<ShellSession | null>(null);
  const [session, setSession] = useState<ShellSession | null>(null);
  const [isLoading, setIsLoading] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const [isBehind, setIsBehind] = useState(false);
  const hint = useId();
  const isRead = useStored(reading) === "on";
  const state = useSyncExternalStore(session?.subscribe ?? nothing, () => session?.state ?? null);
  const isOpen = state !== null && !isOver(state);

  const tell = useEffectEvent(onOpen);
  useEffect(() => tell(isOpen), [isOpen]);
  useEffect(() => {
    // Whoever typed in it goes on at the button that opens another.
    if (state !== null && isOver(state) && place.current?.contains(document.activeElement) === true) button.current?.focus();
  }, [state]);
  useEffect(
    () => () => {
      latest.current?.end();
      screen.current?.close();
      screen.current = null;
    },
    [],
  );
  useEffect(() => {
    if (screen.current !== null) screen.current.isReadAloud = isRead;
  }, [isRead, session]);

  const open = async () => {
    setFailure(null);
    setIsBehind(false);
    setIsLoading(true);
    try {
      const { Screen } = await import("./screen");
      const element = place.current;
      if (element === null) return;
      if (screen.current === null) {
        const opened = await Screen.open(element, hint, {
          onTyped: (bytes) => latest.current?.send(bytes),
          onSize: (size) => latest.current?.resize(size),
          onLeave: () => button.current?.focus(),
        });
        // Whoever has gone elsewhere meanwhile wants none.
        if (place.current === null) {
          opened.close();
          return;
        }
        screen.current = opened;
      } else screen.current.note("A new shell");
      const shown = screen.current;
      latest.current = new ShellSession(deployment, wanted, shown.size, (bytes) => {
        if (!shown.write(bytes)) setIsBehind(true);
      });
      setSession(latest.current);
      shown.focus();
    } catch (error) {
      setFailure(error);
    } finally {
      setIsLoading(false);
    }
  };

  return (
    <section aria-label="Terminal" className={cn("flex min-h-0 flex-col overflow-clip rounded-xl border border-line bg-sunken", className)}>
      {failure !== null && <ProblemPanel what="The terminal could not be loaded" error={failure} className="m-2" />}
      {state?.status === "refused" && <ProblemPanel error={state.problem} className="m-2" />}
      <div className="relative min-h-0 flex-1">
        <div ref={place} className="absolute inset-0 p-2" />
        {state === null && (
          <div className="absolute inset-0 flex flex-col items-center justify-center gap-3 px-6 text-center text-sm text-muted">
            <TerminalSquare aria-hidden className="size-6 text-faint" />
            <p className="max-w-md text-pretty">
              A shell in {name}, with the variables of the service.{isAsleep && " It sleeps now, and is woken first."} That it was opened stands in the audit log; what is typed does not.
            </p>
            <Button ref={button} kind="primary" isBusy={isLoading} onClick={() => void open()}>
              {isAsleep ? "Wake it and open a shell" : "Open a shell"}
            </Button>
          </div>
        )}
      </div>
      {state !== null && (
        <div className="flex min-h-10 flex-wrap items-center gap-x-3 gap-y-1 border-t border-line bg-surface px-3 py-1.5 text-xs text-muted">
          <span aria-hidden className={cn("size-1.5 shrink-0 rounded-full", DOTS[state.status])} />
          <p role="status" className="min-w-0 flex-1 basis-52 text-pretty">
            {wordsOf(state, name, isAsleep)}
            {isBehind && " It printed more than could be shown: some of it is missing here."}
          </p>
          <p id={hint} className={cn("flex items-center gap-1.5 max-sm:sr-only", !isOpen && "sr-only")}>
            <Keys keys="Ctrl M" /> leaves the terminal
          </p>
          <Toggle isOn={isRead} onClick={() => reading.set(isRead ? "off" : "on")} title="Screen readers speak what is printed">
            <Ear aria-hidden /> Read aloud
          </Toggle>
          {isOpen ? (
            <Button ref={button} size="small" onClick={() => session?.end()}>
              End the shell
            </Button>
          ) : (
            <Button ref={button} size="small" kind="primary" isBusy={isLoading} onClick={() => void open()}>
              Open another
            </Button>
          )}
        </div>
      )}
    </section>
  );
}

function wordsOf(state: SessionState, name: string, isAsleep: boolean): ReactNode {
  switch (state.status) {
    case "starting":
      return isAsleep ? "Waking it up…" : "Opening…";
    case "running":
      return `In ${name}. It ends when you leave this page.`;
    case "exited":
      return exitWords(state.code);
    case "failed":
      return `It was not run to its end: ${state.why}.`;
    case "refused":
      return "It was refused.";
    case "lost":
      return "The connection was lost, and the shell has ended with it. Nothing that was running in it goes on.";
  }
}

const DOTS: Record<SessionState["status"], string> = {
  starting: "bg-warn animate-breathe",
  running: "bg-good",
  exited: "bg-line-strong",
  failed: "bg-bad",
  refused: "bg-bad",
  lost: "bg-bad",
};
