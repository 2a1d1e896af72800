import { ChevronRight } from "lucide-react";
import type { MouseEvent } from "react";
import type { Schemas } from "@/api/client";
import { cn } from "@/lib/cn";
import { clock, duration } from "@/lib/time";
import { type LineRow, type StepRow, levelOf } from "./rows";
import { StyledText } from "./styled-text";

export type Step = Schemas["Step"];

interface StepProps {
  row: StepRow;
  timing: Step | undefined;
  onFold: () => void;
}

export function StepHeading({ row, timing, onFold }: StepProps) {
  const { step, count, isFolded } = row;
  const hasFailed = timing?.exit_code != null && timing.exit_code !== 0;
  return (
    <button
      type="button"
      onClick={onFold}
      aria-expanded={!isFolded}
      className="sticky left-0 flex h-full w-full max-w-(--log-width) items-center gap-1.5 border-y border-line bg-surface px-2 text-left font-sans text-xs text-muted hover:bg-hover"
    >
      <ChevronRight aria-hidden className={cn("size-3.5 shrink-0 transition-transform", !isFolded && "rotate-90")} />
      <span className={cn("font-medium", hasFailed ? "text-bad" : "text-ink")}>{step}</span>
      <span className="truncate">
        {stepNote(timing)}
        {isFolded && ` ${count} line${count === 1 ? "" : "s"}`}
      </span>
    </button>
  );
}

function stepNote(timing: Step | undefined): string {
  if (timing === undefined) return "";
  const { started_at, finished_at, exit_code, note } = timing;
  const took = finished_at === null ? "running" : duration(new Date(finished_at).getTime() - new Date(started_at).getTime());
  return [took, note, exit_code !== null && exit_code !== 0 ? `exit ${exit_code}` : null].filter(Boolean).join(" · ");
}

interface LineProps {
  row: LineRow;
  search: string;
  isWrapped: boolean;
  isTimed: boolean;
  isChosen: boolean;
  isCurrent: boolean;
  onNumber: (number: number, event: MouseEvent) => void;
}

export function LogLineRow({ row, search, isWrapped, isTimed, isChosen, isCurrent, onNumber }: LineProps) {
  const { line } = row;
  const level = levelOf(line);
  return (
    <div
      className={cn(
        "flex min-h-6 min-w-full border-l-2 leading-6 hover:bg-hover/60",
        isWrapped ? "w-full" : "w-max",
        level === null && "border-transparent",
        level === "error" && "border-bad bg-bad-wash/50",
        level === "warning" && "border-warn",
        isCurrent && "bg-accent-wash",
        isChosen && "bg-warn-wash!",
      )}
    >
      {/* The number is made by CSS, so that it is never copied with the text. */}
      <a
        href={`#L${line.number}`}
        onClick={(event) => onNumber(line.number, event)}
        data-number={line.number}
        aria-label={`Link to line ${line.number}`}
        className="sticky left-0 w-[4.25rem] shrink-0 bg-sunken pr-3 text-right text-faint select-none before:content-[attr(data-number)] hover:text-ink max-sm:w-12 max-sm:pr-2"
      />
      {isTimed && (
        <time dateTime={line.time} className="shrink-0 pr-3 text-faint select-none">
          {clock(line.time)}
        </time>
      )}
      {level !== null && <span className="sr-only">{level}: </span>}
      <span
        className={cn(
          "pr-4",
          isWrapped ? "min-w-0 flex-1 [overflow-wrap:anywhere] whitespace-pre-wrap" : "whitespace-pre",
          line.stream === "system" && "text-accent",
        )}
      >
        <StyledText text={line.text} search={search} />
        {"\n"}
      </span>
    </div>
  );
}
