import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { projectQuery } from "@/api/queries";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { Skeleton } from "@/ui/skeleton";
import { draftOf } from "./drafts";
import { EditorFrame } from "./editor-frame";
import { pipelineQuery } from "./queries";
import { StartPipeline } from "./start-pipeline";

const route = getRouteApi("/app/projects/$project/pipeline");

export function PipelinePage() {
  const { project } = route.useParams();
  useTitle("Pipeline", project);
  const saved = useQuery(pipelineQuery(project));
  const source = useQuery(projectQuery(project)).data?.source;
  const [begun, setBegun] = useState<{ text: string | null } | null>(null);
  if (saved.isError) return <ProblemPanel what="The pipeline could not be read" error={saved.error} onRetry={() => void saved.refetch()} isRetrying={saved.isFetching} />;
  if (saved.data === undefined || source === undefined) return <Skeleton className="h-[60dvh] rounded-xl" />;
  const isNew = (saved.data === null || saved.data.generated) && draftOf(project) === null;
  if (isNew && begun === null) return <StartPipeline project={project} generated={saved.data} onBegin={(text) => setBegun({ text })} />;
  return <EditorFrame key={project} project={project} saved={saved.data} begunWith={begun?.text ?? null} />;
}
