import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api } from "@/api/client";
import { ProblemError } from "@/api/problem";
import type { Plan } from "@/api/queries";
import { projectNameFor, repositoryAddress } from "@/lib/repository";
import { connectThroughApp } from "@/sources/mutations";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Command } from "@/ui/copy";
import { Field, Input } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";

export interface Source {
  repository: string;
  branch: string | null;
  root_directory: string | null;
}

export interface Found {
  source: Source;
  name: string;
  /** Nothing was recognised, and it is said by hand: `null`. */
  plan: Plan | null;
  /** Whether the project is connected through the GitHub App. */
  isGithub: boolean;
}

/** How a server says that it does not let everybody in; some say that there is nothing. */
const SHUT = ["no_credentials", "repository_not_found", "host_key_unknown"];

interface Props {
  initial: string;
  /** It was chosen among those that the GitHub App is let into: the project is connected through it. */
  isGithub: boolean;
  onFound: (found: Found) => void;
  /** The project is made already, for a repository that nobody was let into yet. */
  onMade: (project: string) => void;
}

/** Where it comes from. Looking at it builds and stores nothing. */
export function SourceStep({ initial, isGithub, onFound, onMade }: Props) {
  const [repository, setRepository] = useState(initial);
  const [branch, setBranch] = useState("");
  const [root, setRoot] = useState("");
  const [isTried, setIsTried] = useState(false);
  const source: Source = {
    repository: repositoryAddress(repository),
    branch: branch.trim() || null,
    root_directory: root.trim() || null,
  };
  const name = projectNameFor(source.repository, root);
  // Another address was typed over it since: that one is entered as anybody's.
  const isGithubNow = isGithub && repository.trim() === initial;
  const detect = useMutation({
    mutationFn: () => answer(api.POST("/api/v1/detect", { body: source })),
    onSuccess: (plan) => onFound({ source, name, plan, isGithub: isGithubNow }),
  });
  const make = useMutation({
    mutationFn: async () => {
      const project = await answer(api.POST("/api/v1/projects", { body: { name, source } }));
      // When it fails the project is there, and the next step says why and offers it again.
      if (isGithubNow) await connectThroughApp(project.name).catch(() => undefined);
      return project;
    },
    onSuccess: (project) => onMade(project.name),
  });
  const isShut = detect.error instanceof ProblemError && detect.error.code === "clone_failed" && (isGithubNow || SHUT.includes(detect.error.kind ?? ""));
  const isUnknown = detect.error instanceof ProblemError && detect.error.code === "detection_failed";
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setIsTried(true);
        if (repository.trim() !== "") detect.mutate();
      }}
    >
      <Card
        title="Which repository?"
        description="Anything that git can clone: https://, ssh://, or as it is copied from GitHub, GitLab and Gitea."
        footer={
          <>
            {isShut && name !== "" && (
              <Button isBusy={make.isPending} onClick={() => make.mutate()}>
                {isGithubNow ? "Go on through the GitHub App" : "It is private: let the platform in"}
              </Button>
            )}
            {isUnknown && <Button onClick={() => onFound({ source, name, plan: null, isGithub: isGithubNow })}>Say by hand how it is built</Button>}
            <Button type="submit" kind="primary" isBusy={detect.isPending}>
              {detect.isPending ? "Looking at it" : "Go on"}
            </Button>
          </>
        }
      >
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label="Repository" className="sm:col-span-2" error={isTried && repository.trim() === "" ? "Paste the address of a repository." : undefined}>
            {(attributes) => (
              <Input {...attributes} value={repository} onChange={(event) => setRepository(event.target.value)} placeholder="https://github.com/you/your-site" className="code" inputMode="url" autoComplete="off" autoCapitalize="off" spellCheck={false} autoFocus />
            )}
          </Field>
          <Field label="Branch" hint="Empty: the repository's default branch.">
            {(attributes) => <Input {...attributes} value={branch} onChange={(event) => setBranch(event.target.value)} className="code" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
          </Field>
          <Field label="Root directory" hint="When the application is in a folder of a larger repository.">
            {(attributes) => <Input {...attributes} value={root} onChange={(event) => setRoot(event.target.value)} placeholder="." className="code" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
          </Field>
        </div>
        {detect.isError && !make.isError && <ProblemPanel error={detect.error} className="mt-4" />}
        {make.isError && <ProblemPanel what={`The project ${name} was not made`} error={make.error} className="mt-4" />}
      </Card>
      <div className="mt-4 flex flex-col gap-1.5 text-xs text-muted">
        <span>The same on the command line, in a folder with a repository:</span>
        <Command text="pierhead deploy" />
      </div>
    </form>
  );
}
