import { useQuery } from "@tanstack/react-query";
import { useBlocker, useNavigate } from "@tanstack/react-router";
import { Suspense, lazy, useEffect, useState } from "react";
import { cn } from "@/lib/cn";
import { useShortcut } from "@/lib/shortcuts";
import { Button } from "@/ui/button";
import { Skeleton } from "@/ui/skeleton";
import { Toggle } from "@/ui/toggle";
import { toast } from "@/ui/toast";
import { YamlEditor } from "@/ui/yaml-editor";
import { ConnectDialog } from "./connect-dialog";
import { EditorToolbar } from "./editor-toolbar";
import { Inspector } from "./inspector";
import { Outline } from "./outline";
import { ProblemList } from "./problem-list";
import { type Saved, pipelineQuery } from "./queries";
import { SaveDialog } from "./save-dialog";
import { lineOf, stepAt } from "./text";
import { type Editor, useEditor } from "./use-editor";

const Canvas = lazy(() => import("./canvas"));

export type Face = "step" | "yaml" | "outline";

/** The editor: the graph, the text and the list of one document, side by side. */
export function EditorFrame({ project, saved, begunWith }: { project: string; saved: Saved | null; begunWith: string | null }) {
  const editor = useEditor(project, saved);
  const [face, setFace] = useState<Face>("outline");
  const [asked, setAsked] = useState<"save" | "add" | "connect" | null>(null);
  const [shownLine, setShownLine] = useState<{ line: number }>();
  const [refusal, setRefusal] = useState<string | null>(null);
  const navigate = useNavigate();
  const { selected, text } = editor;
  useEffect(() => {
    if (begunWith !== null) editor.write(begunWith);
    // Once, with what the editor was opened for.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [begunWith]);
  useLeaving(editor);

  const errors = editor.problems.filter(({ severity }) => severity === "error");
  const canSave = editor.isDirty && editor.fault === null && errors.length === 0 && !editor.isChecking;
  const select = (step: string | null) => {
    editor.select(step);
    setRefusal(null);
    if (step === null) return;
    if (face !== "yaml") setFace("step");
    const line = lineOf(text, step);
    if (line !== null) setShownLine({ line });
  };
  const connect = (from: string, to: string) => setRefusal(editor.connect(from, to));
  const remove = (names: string[]) => {
    for (const name of names) editor.remove(name);
    toast(names.length === 1 ? `${names[0] ?? ""} is deleted.` : `${names.length} steps are deleted.`);
  };
  useShortcut("Mod+S", "Save", "Editor", () => setAsked("save"), canSave);
  useShortcut("Mod+Z", "Undo", "Editor", () => editor.undo?.());
  useShortcut("Mod+Y", "Do again", "Editor", () => editor.redo?.());
  useShortcut("n", "Add a step", "Editor", () => setAsked("add"));
  useShortcut("c", "Connect the step", "Editor", () => setAsked("connect"), selected !== null);
  useShortcut("t", "Tidy", "Editor", () => editor.tidy());
  useShortcut("y", "The text", "Editor", () => setFace("yaml"));
  useShortcut("s", "The list", "Editor", () => setFace("outline"));

  const marks: Record<string, { message: string; isError: boolean }> = {};
  for (const { step, message, severity } of editor.problems) {
    if (step !== null && marks[step]?.isError !== true) marks[step] = { message, isError: severity === "error" };
  }
  const markers = editor.fault !== null ? [{ ...editor.fault, isError: true }] : editor.problems.flatMap(({ line, message, severity }) => (line === null ? [] : [{ line, message, isError: severity === "error" }]));
  return (
    <div className="flex flex-col gap-3">
      <Notices editor={editor} saved={saved} />
      <div className="flex h-[max(36rem,calc(100dvh-13rem))] flex-col overflow-hidden rounded-xl border border-line bg-surface">
        <EditorToolbar
          editor={editor}
          canSave={canSave}
          isAdding={asked === "add"}
          onAdding={(isAdding) => setAsked(isAdding ? "add" : null)}
          onAdded={(name) => {
            editor.select(name);
            setFace("step");
          }}
          onConnect={selected === null ? null : () => setAsked("connect")}
          onSave={() => setAsked("save")}
        />
        <div className="flex min-h-0 flex-1 max-lg:flex-col">
          <div className={cn("relative min-h-0 min-w-0 flex-1 max-sm:hidden", editor.fault !== null && "opacity-50")}>
            <Suspense fallback={<Skeleton className="size-full" />}>
              <Canvas
                pipeline={editor.pipeline}
                positions={editor.positions}
                selected={selected}
                onSelect={select}
                label="The pipeline as a graph"
                problems={marks}
                editing={editor.fault === null ? { onMove: editor.move, onConnect: connect, onDisconnect: editor.disconnect, onRemove: remove } : undefined}
              />
            </Suspense>
            {Object.keys(editor.pipeline.steps).length === 0 && (
              <div className="pointer-events-none absolute inset-0 grid place-items-center">
                <p className="max-w-60 text-center text-sm text-muted">Add a step, then draw an arrow from its right side to what waits for it.</p>
              </div>
            )}
            {refusal !== null && (
              <p role="alert" className="absolute inset-x-3 top-3 rounded-lg border border-warn/40 bg-warn-wash px-3 py-2 text-sm">
                {refusal}
              </p>
            )}
          </div>
          <div className="flex min-h-0 w-full flex-col border-line max-lg:h-1/2 max-lg:border-t max-sm:h-auto max-sm:flex-1 max-sm:border-t-0 lg:w-[25rem] lg:border-l">
            <div role="group" aria-label="Faces" className="flex gap-1 border-b border-line px-2 py-1">
              <Toggle isOn={face === "outline"} onClick={() => setFace("outline")}>
                Steps
              </Toggle>
              <Toggle isOn={face === "step"} disabled={selected === null} onClick={() => setFace("step")}>
                {selected ?? "No step chosen"}
              </Toggle>
              <Toggle isOn={face === "yaml"} onClick={() => setFace("yaml")}>
                YAML
              </Toggle>
            </div>
            {face === "yaml" && (
              <YamlEditor
                value={text}
                onChange={editor.write}
                markers={markers}
                label="The pipeline as text"
                shown={shownLine}
                onLine={(line) => editor.select(editor.fault === null ? stepAt(text, line) : null)}
                className="min-h-0 flex-1"
              />
            )}
            {face !== "yaml" && (
              <div className="min-h-0 flex-1 overflow-y-auto">
                {face === "step" && selected !== null ? <Inspector key={selected} editor={editor} name={selected} /> : <Outline editor={{ ...editor, select }} className="p-3" />}
              </div>
            )}
          </div>
        </div>
        <ProblemList
          editor={editor}
          onShow={(line, step) => {
            if (step !== null) editor.select(step);
            if (face === "yaml" || step === null) setFace("yaml");
            else setFace("step");
            if (line !== null) setShownLine({ line });
          }}
        />
      </div>
      {asked === "save" && <SaveDialog editor={editor} onClose={() => setAsked(null)} onSaved={() => void navigate({ to: "/projects/$project/pipeline", params: { project }, replace: true })} />}
      {asked === "connect" && selected !== null && <ConnectDialog editor={editor} from={selected} onClose={() => setAsked(null)} />}
    </div>
  );
}

/** What is not saved is kept in this browser; the address bar and other pages still ask. */
function useLeaving(editor: Editor): void {
  useBlocker({ shouldBlockFn: () => false, enableBeforeUnload: () => editor.isDirty });
}

function Notices({ editor, saved }: { editor: Editor; saved: Saved | null }) {
  const latest = useQuery({ ...pipelineQuery(editor.project), refetchInterval: 15_000 }).data ?? saved;
  const isBehind = latest !== null && latest.version > editor.base;
  if (!isBehind && saved?.elevated !== true) return null;
  return (
    <>
      {isBehind && (
        <p role="status" className="flex flex-wrap items-center gap-3 rounded-lg border border-warn/40 bg-warn-wash px-4 py-2.5 text-sm">
          <span className="flex-1">
            {latest.created_by ?? "Somebody"} saved version {latest.version} since you began with {editor.base === 0 ? "an empty one" : `version ${editor.base}`}.
          </span>
          <Button size="small" onClick={() => location.reload()}>
            Look at theirs
          </Button>
        </p>
      )}
      {saved?.elevated === true && <p className="rounded-lg border border-warn/40 bg-warn-wash px-4 py-2.5 text-sm">This pipeline asks for what only an admin may give.</p>}
    </>
  );
}
