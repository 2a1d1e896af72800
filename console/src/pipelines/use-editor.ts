import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { draftOf, keepDraft, keepPlaces, placesOf } from "./drafts";
import { type History, type Position, begin, change, redo, undo } from "./history";
import { type Pipeline, circleOf, freeName, pipelineOf } from "./model";
import { type Problem, type Saved, validationQuery } from "./queries";
import { type Edit, connect, disconnect, edited, lineOf, print, read, remove, rename, set } from "./text";

const VALIDATE_AFTER_MS = 350;

/** All that the faces of the editor share: the text, what it means, what is wrong with it, and how it is changed. */
export interface Editor {
  project: string;
  text: string;
  /** The last text that was YAML, as a graph. */
  pipeline: Pipeline;
  /** Why the text is no YAML: the graph waits until it is again. */
  fault: { message: string; line: number } | null;
  problems: readonly Problem[];
  isChecking: boolean;
  /** The version that it was made from; 0 for none. */
  base: number;
  isDirty: boolean;
  positions: Readonly<Record<string, Position>>;
  selected: string | null;
  select: (step: string | null) => void;
  write: (text: string) => void;
  apply: (gesture: string | null, ...edits: Edit[]) => void;
  setField: (path: readonly (string | number)[], value: unknown) => void;
  add: (wanted: string, step: Record<string, unknown>) => string;
  rename: (from: string, to: string) => void;
  remove: (name: string) => void;
  /** `null` when it was drawn; otherwise why not. */
  connect: (from: string, to: string) => string | null;
  disconnect: (from: string, to: string) => void;
  move: (places: Record<string, Position>) => void;
  tidy: () => void;
  undo: (() => void) | null;
  redo: (() => void) | null;
  saved: (version: number, text: string) => void;
  discard: () => void;
}

export const EMPTY = "version: 1\nsteps: {}\n";

export function textOf(saved: Saved | null): string {
  return saved === null ? EMPTY : print(saved.pipeline);
}

export function useEditor(project: string, saved: Saved | null): Editor {
  const [original, setOriginal] = useState(() => ({ base: draftOf(project)?.base ?? saved?.version ?? 0, text: textOf(saved) }));
  const [history, setHistory] = useState<History>(() => begin({ text: startOf(project, original), positions: placesOf(project) }));
  const [selected, setSelected] = useState<string | null>(null);
  const { text, positions } = history.present;

  const { value, fault } = useMemo(() => read(text), [text]);
  const [good, setGood] = useState<{ text: string; pipeline: Pipeline }>(() => ({ text, pipeline: pipelineOf(value) }));
  if (fault === null && good.text !== text) setGood({ text, pipeline: pipelineOf(value) });
  const { pipeline } = good;

  const isDirty = text !== original.text;
  useEffect(() => {
    const timer = setTimeout(() => keepDraft(project, isDirty ? { base: original.base, text } : null), 250);
    return () => clearTimeout(timer);
  }, [project, isDirty, text, original.base]);
  useEffect(() => keepPlaces(project, positions), [project, positions]);

  const settled = useSettled(text, VALIDATE_AFTER_MS);
  const validation = useQuery({ ...validationQuery(project, settled), enabled: settled !== EMPTY });
  const problems = useMemo(() => {
    if (settled === EMPTY) return [];
    const said = validation.data?.problems ?? [];
    // Steps that were just added move the lines of those below.
    return said.map((problem) => (problem.line === null && problem.step !== null ? { ...problem, line: lineOf(text, problem.step) } : problem));
  }, [validation.data, settled, text]);

  const next = (changes: Partial<History["present"]>, gesture: string | null = null) => setHistory((now) => change(now, changes, Date.now(), gesture));
  const apply = (gesture: string | null, ...edits: Edit[]) => {
    if (fault === null) next({ text: edited(text, ...edits) }, gesture);
  };
  return {
    project,
    text,
    pipeline,
    fault,
    problems,
    isChecking: settled !== text || validation.isFetching,
    base: original.base,
    isDirty,
    positions,
    selected: selected !== null && Object.hasOwn(pipeline.steps, selected) ? selected : null,
    select: setSelected,
    write: (written) => next({ text: written }, "text"),
    apply,
    setField: (path, field) => apply(`field ${path.join(".")}`, set(path, field)),
    add: (wanted, step) => {
      const name = freeName(pipeline.steps, wanted);
      apply(null, set(["steps", name], step));
      setSelected(name);
      return name;
    },
    rename: (from, to) => {
      if (fault !== null) return;
      const { [from]: place, ...others } = positions;
      next({ text: edited(text, rename(from, to)), positions: place === undefined ? positions : { ...others, [to]: place } });
      setSelected(to);
    },
    remove: (name) => {
      apply(null, remove(name));
      setSelected(null);
    },
    connect: (from, to) => {
      const circle = circleOf(pipeline, from, to);
      if (circle !== null) return `That would be a circle: ${circle.join(" → ")}.`;
      const [source, target] = [pipeline.steps[from], pipeline.steps[to]];
      const takesBuild = source?.kind === "build" && target?.build === undefined && (target?.kind === "site" || (target?.kind === "service" && target.image === undefined && target.service === undefined));
      if (target?.needs?.includes(from) === true || target?.build === from) return null;
      apply(null, takesBuild ? set(["steps", to, "build"], from) : connect(from, to));
      return null;
    },
    disconnect: (from, to) => {
      const target = pipeline.steps[to];
      if (target?.build === from) apply(null, set(["steps", to, "build"], undefined));
      else apply(null, disconnect(from, to));
    },
    move: (places) => next({ positions: { ...positions, ...places } }),
    tidy: () => next({ positions: {} }),
    undo: history.past.length === 0 ? null : () => setHistory(undo),
    redo: history.future.length === 0 ? null : () => setHistory(redo),
    saved: (version, savedText) => setOriginal({ base: version, text: savedText }),
    discard: () => next({ text: original.text }),
  };
}

/** A draft goes on where it was left, also when somebody has saved another version meanwhile: saving will tell. */
function startOf(project: string, original: { base: number; text: string }): string {
  return draftOf(project)?.text ?? original.text;
}

function useSettled(value: string, afterMs: number): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), afterMs);
    return () => clearTimeout(timer);
  }, [value, afterMs]);
  return settled;
}
