import { ArrowDownToLine } from "lucide-react";
import { type MouseEvent, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { copyText } from "@/lib/clipboard";
import { cn } from "@/lib/cn";
import { useShortcut } from "@/lib/shortcuts";
import { Stored, useStored } from "@/lib/stored";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import type { LogSnapshot } from "./feed";
import { LogLines, type LogLinesHandle } from "./log-lines";
import type { Step } from "./log-row";
import { LogToolbar } from "./log-toolbar";
import { type LineRange, hashOf } from "./range";
import { type LogFilter, levelOf, matchesIn, nextOf, rowsOf } from "./rows";
import { saveLog } from "./save";
import type { Log } from "./use-log";

const wrapping = new Stored<"on" | "off">("log.wrap", ["on", "off"], "off");
const times = new Stored<"on" | "off">("log.times", ["on", "off"], "on");
/** What should be there below a line that one jumps to. */
const CONTEXT_LINES = 100;
const flip = (stored: typeof wrapping) => stored.set(stored.value === "on" ? "off" : "on");

interface Props {
  id: string;
  log: Log;
  steps: readonly Step[];
  search: string;
  onSearch: (search: string) => void;
  filter: LogFilter;
  onFilter: (filter: LogFilter) => void;
  chosen: LineRange | null;
  onChoose: (range: LineRange) => void;
  className?: string;
}

/** A log to read while it is written: it follows at the end, and holds still for whoever scrolls up. */
export function LogPanel({ id, log, steps, search, onSearch, filter, onFilter, chosen, onChoose, className }: Props) {
  const { lines } = log;
  const [isFollowing, setIsFollowing] = useState(chosen === null);
  const [isOnlyHits, setIsOnlyHits] = useState(false);
  const [folded, setFolded] = useState<ReadonlySet<number>>(new Set());
  const [current, setCurrent] = useState<number | null>(null);
  const [seen, setSeen] = useState(0);
  const isWrapped = useStored(wrapping) === "on";
  const isTimed = useStored(times) === "on";
  const searchBox = useRef<HTMLInputElement>(null);
  const list = useRef<LogLinesHandle>(null);

  const wanted = useDeferredValue(search);
  const { step, stream } = filter;
  const rows = useMemo(
    () => rowsOf(lines, { step, stream, text: isOnlyHits ? wanted : undefined }, folded),
    [lines, step, stream, isOnlyHits, wanted, folded],
  );
  const hits = useMemo(() => matchesIn(rows, wanted), [rows, wanted]);
  const stepNames = useMemo(() => [...new Set(lines.map((line) => line.step))], [lines]);

  const follow = (next: boolean) => {
    setIsFollowing(next);
    if (!next) setSeen(lines.length);
  };
  const goTo = (index: number | null) => {
    if (index === null) return;
    follow(false);
    setCurrent(index);
    list.current?.goTo(index);
  };
  const goToHit = (by: 1 | -1) => goTo(nextOf(hits, current ?? (by === 1 ? (list.current?.first() ?? 0) - 1 : rows.length), by));
  const goToError = (by: 1 | -1) => {
    const errors = rows.flatMap((row, index) => (row.kind === "line" && levelOf(row.line) === "error" ? [index] : []));
    goTo(nextOf(errors, current ?? (by === 1 ? -1 : rows.length), by));
  };
  const choose = (number: number, event: MouseEvent) => {
    event.preventDefault();
    const from = event.shiftKey && chosen !== null ? chosen.first : number;
    onChoose({ first: Math.min(from, number), last: Math.max(from, number) });
    follow(false);
  };
  const fold = (first: number) => {
    const next = new Set(folded);
    if (!next.delete(first)) next.add(first);
    setFolded(next);
  };
  const copyLink = () => {
    const link = new URL(location.href);
    if (chosen !== null) link.hash = hashOf(chosen);
    void copyText(link.href).then((isCopied) => isCopied && toast("The link to this place is copied."));
  };

  // The lines that an address points at may come with a later page, and should then be in the middle.
  const target = useRef<number | null>(chosen?.first ?? null);
  const read = lines.at(-1)?.number ?? 0;
  useEffect(() => {
    if (target.current === null || (log.status === "reading" && read < target.current + CONTEXT_LINES)) return;
    const index = rows.findIndex((row) => row.kind === "line" && row.line.number === target.current);
    if (index === -1) return;
    target.current = null;
    list.current?.goTo(index);
  }, [rows, read, log.status]);

  useShortcut("/", "Search the log", "Log", () => searchBox.current?.focus());
  useShortcut("n", "Next hit", "Log", () => goToHit(1), search !== "");
  useShortcut("N", "Previous hit", "Log", () => goToHit(-1), search !== "");
  useShortcut("e", "Next error", "Log", () => goToError(1));
  useShortcut("E", "Previous error", "Log", () => goToError(-1));
  useShortcut("f", "Follow", "Log", () => follow(!isFollowing));
  useShortcut("w", "Wrap long lines", "Log", () => flip(wrapping));
  useShortcut("t", "Show times", "Log", () => flip(times));
  useShortcut("G", "To the end", "Log", () => follow(true));
  useShortcut("y", "Copy a link to this place", "Log", copyLink);

  const missed = lines.length - seen;
  return (
    <section aria-label="Log" className={cn("relative flex min-h-0 flex-col overflow-clip rounded-xl border border-line", className)}>
      <LogToolbar
        searchBox={searchBox}
        search={search}
        onSearch={(next) => {
          onSearch(next);
          setCurrent(null);
          if (next === "") setIsOnlyHits(false);
        }}
        hits={hits.length}
        hit={current === null ? 0 : hits.indexOf(current) + 1}
        onHit={goToHit}
        isOnlyHits={isOnlyHits}
        onOnlyHits={(isOnly) => {
          setIsOnlyHits(isOnly);
          setCurrent(null);
        }}
        steps={stepNames}
        filter={filter}
        onFilter={onFilter}
        isWrapped={isWrapped}
        onWrap={() => flip(wrapping)}
        isTimed={isTimed}
        onTimes={() => flip(times)}
        onSave={(kind) => saveLog(id, lines, kind)}
      />
      {log.status === "failed" && (
        <ProblemPanel what="The log could not be read" error={log.error} onRetry={log.retry} className="m-2" />
      )}
      <LogLines
        ref={list}
        rows={rows}
        steps={steps}
        search={wanted}
        isWrapped={isWrapped}
        isTimed={isTimed}
        isFollowing={isFollowing}
        onFollowing={(next) => next !== isFollowing && follow(next)}
        chosen={chosen}
        current={current}
        onNumber={choose}
        onFold={fold}
        className="min-h-0 flex-1"
      />
      {!isFollowing && log.status !== "ended" && (
        <button
          type="button"
          onClick={() => follow(true)}
          className="absolute right-4 bottom-10 flex h-8 items-center gap-1.5 rounded-full border border-line bg-raised px-3 text-xs font-medium shadow-lg shadow-[black]/15 hover:bg-hover"
        >
          <ArrowDownToLine aria-hidden className="size-3.5" />
          {missed > 0 ? `${missed} new line${missed === 1 ? "" : "s"}` : "Follow"}
        </button>
      )}
      <StatusLine log={log} isFollowing={isFollowing} shown={rows.length} />
    </section>
  );
}

function StatusLine({ log, isFollowing, shown }: { log: LogSnapshot; isFollowing: boolean; shown: number }) {
  const { lines, status } = log;
  const words = {
    reading: "Reading",
    following: isFollowing ? "Following" : "Paused: scroll to the end to follow",
    ended: "Complete",
    cut: "Cut off; trying again. Nothing is lost",
    failed: "Not complete",
  }[status];
  return (
    <p className="flex h-7 shrink-0 items-center gap-2 border-t border-line bg-surface px-3 text-xs text-muted">
      <span aria-hidden className={cn("size-1.5 rounded-full", DOTS[status], status === "following" && isFollowing && "animate-breathe")} />
      <span className="truncate">{words}</span>
      <span className="tabular ml-auto whitespace-nowrap">
        {lines.length > 0 && shown === 0 ? `nothing of ${lines.length} lines fits` : `${lines.length} line${lines.length === 1 ? "" : "s"}`}
      </span>
    </p>
  );
}

const DOTS = { reading: "bg-line-strong", following: "bg-good", ended: "bg-line-strong", cut: "bg-warn", failed: "bg-bad" };
