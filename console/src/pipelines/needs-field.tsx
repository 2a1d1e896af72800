import { useId } from "react";
import { circleOf, edgesOf } from "./model";
import type { Editor } from "./use-editor";

/** Which steps come before: the same as drawing an arrow, without dragging (WCAG 2.5.7). */
export function NeedsField({ editor, name }: { editor: Editor; name: string }) {
  const id = useId();
  const { pipeline } = editor;
  const others = Object.keys(pipeline.steps).filter((it) => it !== name);
  const needs = pipeline.steps[name]?.needs ?? [];
  const implied = new Map(edgesOf(pipeline).filter((it) => it.to === name && it.kind !== "need").map(({ from, kind }) => [from, kind]));
  const unknown = needs.filter((it) => !others.includes(it));
  return (
    <div role="group" aria-labelledby={id} className="flex flex-col gap-1">
      <span id={id} className="text-sm font-medium">
        Waits for
      </span>
      {others.length === 0 && <p className="text-xs text-muted">There is no other step yet.</p>}
      <div className="flex flex-col">
        {[...others, ...unknown].map((other) => {
          const isNeeded = needs.includes(other);
          const by = implied.get(other);
          const circle = isNeeded || by !== undefined || unknown.includes(other) ? null : circleOf(pipeline, other, name);
          return (
            <label key={other} className="flex min-h-7 items-center gap-2 text-sm">
              <input
                type="checkbox"
                checked={isNeeded || by !== undefined}
                disabled={(by !== undefined && !isNeeded) || circle !== null}
                onChange={({ target }) => (target.checked ? editor.connect(other, name) : editor.disconnect(other, name))}
                className="size-4 shrink-0 accent-(--accent-solid)"
              />
              <span className={circle === null ? "" : "text-muted"}>{other}</span>
              <span className="truncate text-xs text-muted">
                {by === "build" && "it is built there"}
                {by === "data" && "uses what it leaves"}
                {circle !== null && "waits for this one"}
                {unknown.includes(other) && "there is no such step"}
              </span>
            </label>
          );
        })}
      </div>
    </div>
  );
}
