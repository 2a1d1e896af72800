import { Link } from "@tanstack/react-router";
import { ArrowRightFromLine, Copy, Download, Ellipsis, FileInput, FlaskConical, History, LayoutTemplate, Redo2, Trash2, Undo2, WandSparkles } from "lucide-react";
import { useState } from "react";
import { copyText } from "@/lib/clipboard";
import { Button } from "@/ui/button";
import { Menu, MenuItem, MenuSeparator } from "@/ui/menu";
import { toast } from "@/ui/toast";
import { ComposeDialog } from "./compose-dialog";
import { DryRunDialog } from "./dry-run-dialog";
import { AddStep } from "./palette-menu";
import { TemplateDialog } from "./template-dialog";
import type { Editor } from "./use-editor";

interface Props {
  editor: Editor;
  canSave: boolean;
  isAdding: boolean;
  onAdding: (isAdding: boolean) => void;
  onAdded: (name: string) => void;
  /** `null` while no step is chosen. */
  onConnect: (() => void) | null;
  onSave: () => void;
}

export function EditorToolbar({ editor, canSave, isAdding, onAdding, onAdded, onConnect, onSave }: Props) {
  const { project, base, isDirty, text } = editor;
  const [asked, setAsked] = useState<"dry-run" | "compose" | "template" | null>(null);
  const isBroken = editor.fault !== null;
  return (
    <div role="toolbar" aria-label="Pipeline" className="flex flex-wrap items-center gap-1 border-b border-line px-2 py-1.5">
      <AddStep isOpen={isAdding} onOpen={() => onAdding(true)} onClose={() => onAdding(false)} onAdd={(name, step) => onAdded(editor.add(name, step))} />
      <Button size="icon" kind="quiet" aria-label="Undo" title="Undo" disabled={editor.undo === null} onClick={() => editor.undo?.()}>
        <Undo2 aria-hidden />
      </Button>
      <Button size="icon" kind="quiet" aria-label="Do again" title="Do again" disabled={editor.redo === null} onClick={() => editor.redo?.()}>
        <Redo2 aria-hidden />
      </Button>
      <Button size="icon" kind="quiet" aria-label="Tidy" title="Tidy" disabled={isBroken} onClick={editor.tidy} className="max-sm:hidden">
        <WandSparkles aria-hidden />
      </Button>
      <Button size="icon" kind="quiet" aria-label="Connect the step" title="Connect the step" disabled={onConnect === null || isBroken} onClick={() => onConnect?.()}>
        <ArrowRightFromLine aria-hidden />
      </Button>
      <span className="ml-auto flex flex-wrap items-center gap-2">
        <Link to="/projects/$project/pipeline/versions" params={{ project }} className="tabular flex min-h-7 items-center gap-1 rounded-md px-1.5 text-xs text-muted hover:bg-hover hover:text-ink">
          <History aria-hidden className="size-3.5" />
          {base === 0 ? "Not saved yet" : `Version ${base}`}
          {isDirty && base > 0 && ", changed"}
        </Link>
        <Button size="small" disabled={base === 0} title={base === 0 ? "Save it first" : undefined} onClick={() => setAsked("dry-run")}>
          <FlaskConical aria-hidden /> Dry run
        </Button>
        <Button size="small" kind="primary" disabled={!canSave} onClick={onSave}>
          Save
        </Button>
        <Menu
          label="More"
          trigger={
            <Button size="icon" kind="quiet" aria-label="More about the pipeline">
              <Ellipsis aria-hidden />
            </Button>
          }
        >
          <MenuItem icon={<FileInput />} onSelect={() => setAsked("compose")}>
            Import a compose file
          </MenuItem>
          <MenuItem icon={<Copy />} onSelect={() => void copyText(text).then((isCopied) => isCopied && toast("The pipeline is copied as YAML."))}>
            Copy as YAML
          </MenuItem>
          <MenuItem icon={<Download />} onSelect={() => download(`${project}.pipeline.yaml`, text)}>
            Download
          </MenuItem>
          <MenuItem icon={<LayoutTemplate />} disabled={isBroken} reason="The text is no YAML" onSelect={() => setAsked("template")}>
            Keep as a template
          </MenuItem>
          <MenuSeparator />
          <MenuItem icon={<Trash2 />} isDangerous disabled={!isDirty} reason="Nothing was changed" onSelect={editor.discard}>
            Discard the changes
          </MenuItem>
        </Menu>
      </span>
      {asked === "dry-run" && <DryRunDialog project={project} version={base} isDirty={isDirty} onClose={() => setAsked(null)} />}
      {asked === "compose" && <ComposeDialog onClose={() => setAsked(null)} onTake={editor.write} />}
      {asked === "template" && <TemplateDialog editor={editor} onClose={() => setAsked(null)} />}
    </div>
  );
}

function download(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
