import { useQuery } from "@tanstack/react-query";
import { FileInput, GitBranch, LayoutTemplate, PenLine } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Command } from "@/ui/copy";
import { command } from "@/lib/shell";
import { ComposeDialog } from "./compose-dialog";
import { type Saved, templatesQuery } from "./queries";
import { print } from "./text";

interface Props {
  project: string;
  /** What a project with a repository runs as long as nobody has saved another. */
  generated: Saved | null;
  onBegin: (text: string | null) => void;
}

/** The ways to a first version. */
export function StartPipeline({ project, generated, onBegin }: Props) {
  const [isImporting, setIsImporting] = useState(false);
  const templates = useQuery(templatesQuery()).data ?? [];
  return (
    <Card title="A pipeline says how an application is stood up" description="Services, builds, sites and plugins as a graph: independent steps at the same time, everything undone in reverse when one fails.">
      <div className="grid gap-3 sm:grid-cols-2">
        <Way icon={<PenLine />} title="Draw one" about="Begin with an empty canvas." action={<Button kind="primary" onClick={() => onBegin(null)}>Begin</Button>} />
        <Way icon={<FileInput />} title="From a compose file" about="See of every key what became of it, and go on from there." action={<Button onClick={() => setIsImporting(true)}>Import</Button>} />
        {generated !== null && (
          <Way icon={<GitBranch />} title="From what runs now" about="This project builds its repository: change that as a graph." action={<Button onClick={() => onBegin(print(generated.pipeline))}>Open</Button>} />
        )}
        {templates.map(({ name, description, pipeline }) => (
          <Way key={name} icon={<LayoutTemplate />} title={name} about={description ?? "A template"} action={<Button onClick={() => onBegin(print(pipeline))}>Take it</Button>} />
        ))}
      </div>
      <div className="mt-4 flex flex-col gap-1.5">
        <span className="text-xs text-muted">or on the command line</span>
        <Command text={command("pipelines", "apply", "pipeline.yaml", "--project", project)} />
      </div>
      {isImporting && <ComposeDialog onClose={() => setIsImporting(false)} onTake={(text) => onBegin(text)} />}
    </Card>
  );
}

function Way({ icon, title, about, action }: { icon: ReactNode; title: string; about: string; action: ReactNode }) {
  return (
    <div className="flex items-start gap-3 rounded-lg border border-line p-3">
      <span className="grid size-8 shrink-0 place-items-center rounded-md bg-sunken text-muted [&_svg]:size-4">{icon}</span>
      <div className="min-w-0 flex-1">
        <h3 className="text-sm font-medium">{title}</h3>
        <p className="text-xs text-muted">{about}</p>
      </div>
      {action}
    </div>
  );
}
