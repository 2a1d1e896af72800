import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { asProblem } from "@/api/problem";
import { answer, api } from "@/api/client";
import { keys } from "@/api/keys";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Field, Input } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { OwnerField } from "./owner-field";

/** A project of several images needs no repository: a pipeline says what belongs to it. */
export function PipelineCard() {
  const [name, setName] = useState("");
  const [team, setTeam] = useState<string | null>(null);
  const client = useQueryClient();
  const navigate = useNavigate();
  const make = useMutation({
    mutationFn: () => answer(api.POST("/api/v1/projects", { body: { name: name.trim(), team } })),
    onSuccess: ({ name: project }) => {
      void client.invalidateQueries({ queryKey: keys.projects() });
      void navigate({ to: "/projects/$project/pipeline", params: { project } });
    },
  });
  const fault = make.isError ? asProblem(make.error).fields.find(({ pointer }) => pointer === "/name")?.detail : undefined;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim() !== "") make.mutate();
      }}
    >
      <Card
        title="Or several services together"
        description="Images, builds and plugins as a graph, stood up in as many copies as you like. Draw it, or bring a compose file."
        footer={
          <Button type="submit" disabled={name.trim() === ""} isBusy={make.isPending}>
            Begin with a pipeline
          </Button>
        }
      >
        <Field label="Name of the project" error={fault} hint="Small letters, digits and hyphens, as in a hostname.">
          {(attributes) => <Input {...attributes} value={name} onChange={({ target }) => setName(target.value)} placeholder="shop" className="code max-w-80" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
        </Field>
        <div className="mt-4 empty:hidden">
          <OwnerField value={team} onChange={setTeam} />
        </div>
        {make.isError && <ProblemPanel what="The project was not made" error={make.error} className="mt-4" />}
      </Card>
    </form>
  );
}
