import { useState } from "react";
import type { Schemas } from "@/api/client";
import { Button } from "@/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { ProblemPanel } from "@/ui/problem-panel";
import { Prose } from "@/ui/prose";
import { YamlEditor } from "@/ui/yaml-editor";
import { useImportCompose } from "./mutations";
import { print } from "./text";

type Report = Schemas["ComposeReport"];

const MOST_BYTES = 1 << 20;

/** Makes a pipeline of a compose file, and says of every key what became of it. */
export function ComposeDialog({ onClose, onTake }: { onClose: () => void; onTake: (text: string) => void }) {
  const [text, setText] = useState("");
  const [fileProblem, setFileProblem] = useState<string | null>(null);
  const bring = useImportCompose();
  const report = bring.data;
  const open = (file: File | undefined) => {
    if (file === undefined) return;
    if (file.size > MOST_BYTES) setFileProblem(`${file.name} is larger than a megabyte: that is no compose file.`);
    else
      void file.text().then((read) => {
        setFileProblem(null);
        setText(read);
        bring.reset();
      });
  };
  return (
    <Dialog isOpen onClose={onClose} title="From a compose file" description="Nothing is saved until you save the pipeline." width="wide">
      <DialogBody isRead={report !== undefined} className="flex flex-col gap-4">
        {report === undefined ? (
          <>
            <div
              onDragOver={(event) => event.preventDefault()}
              onDrop={(event) => {
                event.preventDefault();
                open(event.dataTransfer.files[0]);
              }}
              className="overflow-hidden rounded-md border border-line-strong/70"
            >
              <YamlEditor value={text} onChange={setText} label="Compose file" className="h-72" />
            </div>
            <label className="flex flex-wrap items-center gap-2 text-sm text-muted">
              Paste it, drop it, or choose it:
              <input type="file" accept=".yml,.yaml,application/yaml,text/yaml" onChange={({ target }) => open(target.files?.[0])} className="text-sm file:mr-2 file:h-8 file:rounded-md file:border file:border-solid file:border-line file:bg-surface file:px-3 file:text-ink" />
            </label>
            {fileProblem !== null && <p className="text-sm text-bad">{fileProblem}</p>}
            {bring.isError && <ProblemPanel what="It was not understood" error={bring.error} />}
          </>
        ) : (
          <ReportShown report={report} />
        )}
      </DialogBody>
      <DialogFooter>
        {report === undefined ? (
          <>
            <Button onClick={onClose}>Cancel</Button>
            <Button kind="primary" disabled={text.trim() === ""} isBusy={bring.isPending} onClick={() => bring.mutate({ compose: text })}>
              Look at it
            </Button>
          </>
        ) : (
          <>
            <Button onClick={() => bring.reset()}>Back to the file</Button>
            <Button
              kind="primary"
              onClick={() => {
                onClose();
                onTake(print(report.pipeline));
              }}
            >
              Open in the editor
            </Button>
          </>
        )}
      </DialogFooter>
    </Dialog>
  );
}

const GROUPS = [
  { part: "refused", title: "Not carried over: refused", look: "text-bad" },
  { part: "ignored", title: "Not carried over: means nothing here", look: "text-warn" },
  { part: "inferred", title: "Inferred: look whether it is meant", look: "text-build" },
  { part: "translated", title: "Means the same", look: "text-good" },
] as const;

function ReportShown({ report }: { report: Report }) {
  return (
    <>
      {report.problems.length > 0 && (
        <section>
          <h3 className="text-sm font-medium text-bad">Still to be mended in the editor</h3>
          <ul className="text-sm">
            {report.problems.map(({ path, message }) => (
              <li key={path + message}>
                <code className="code text-muted">{path}</code> <Prose text={message} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {GROUPS.map(({ part, title, look }) =>
        report[part].length === 0 ? null : (
          <section key={part}>
            <h3 className={`mb-1 text-sm font-medium ${look}`}>
              {title} <span className="tabular font-normal text-muted">{report[part].length}</span>
            </h3>
            <ul className="divide-y divide-line rounded-md border border-line text-sm">
              {report[part].map(({ path, line, result, reason }) => (
                <li key={path + reason} className="flex flex-wrap items-baseline gap-x-2 px-3 py-1.5">
                  <code className="code">{path}</code>
                  {result !== null && (
                    <span className="text-muted">
                      → <code className="code">{result}</code>
                    </span>
                  )}
                  <span className="min-w-0 flex-1 basis-60 text-muted">
                    <Prose text={reason} />
                  </span>
                  {line !== null && <span className="tabular text-xs text-faint">line {line}</span>}
                </li>
              ))}
            </ul>
          </section>
        ),
      )}
    </>
  );
}
