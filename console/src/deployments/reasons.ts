/** What each reason of a failure means for the person who reads it, and where its remedy is. */

import type { Deployment } from "@/api/queries";

export interface Advice {
  title: string;
  next: string;
  /** Where in the project that can be changed. */
  settings?: "source" | "build" | "limits" | "health" | "nodes";
  /** Whether the same again may go well. */
  mayPass?: boolean;
}

const ADVICE: Record<string, Advice> = {
  clone_failed: {
    title: "The repository could not be fetched",
    next: "Check its address and branch, and that this server may read it.",
    settings: "source",
    mayPass: true,
  },
  root_directory_missing: {
    title: "The root directory is not in this commit",
    next: "Check how it is spelled: it is relative to the top of the repository.",
    settings: "source",
  },
  detection_failed: {
    title: "Nothing that can be built was recognised",
    next: "Say how it is built, add a Dockerfile, or point the root directory at the application.",
    settings: "build",
  },
  build_failed: {
    title: "A command of the build failed",
    next: "The end of its output is below. The same command on your machine should fail alike.",
    settings: "build",
  },
  build_timeout: {
    title: "The build took longer than it may",
    next: "Raise the time limit, or find what hangs at the end of the log.",
    settings: "limits",
  },
  out_of_memory: {
    title: "It needed more memory than it may use",
    next: "Raise the memory limit, or make it need less.",
    settings: "limits",
  },
  process_limit: {
    title: "It started more processes than it may",
    next: "Raise the limit, or let it use fewer workers.",
    settings: "limits",
  },
  disk_limit: {
    title: "The build wrote more than it may",
    next: "Raise the disk limit, or keep caches out of the output.",
    settings: "limits",
  },
  log_limit: { title: "It printed more than is kept", next: "Let the build say less: `--silent`, or a lower log level." },
  output_refused: {
    title: "The output cannot be published",
    next: "The log says which file: links that lead out of it and devices are refused.",
    settings: "build",
  },
  start_failed: {
    title: "It started and ended again, before it was healthy",
    next: "Its last words are below. Often a variable is missing, or the start command is wrong.",
    settings: "build",
  },
  startup_timeout: {
    title: "It did not answer in time",
    next: "It must listen on 0.0.0.0 at the port in PORT, and answer on the health path.",
    settings: "health",
  },
  image_pull_failed: { title: "The image could not be had", next: "Check its name, and that this server may read it.", mayPass: true },
  no_capacity: {
    title: "No node has room for it",
    next: "Delete what is not needed, lower its limits, or add a node.",
    settings: "nodes",
    mayPass: true,
  },
  cancelled: { title: "It was cancelled", next: "What was live before is still live." },
  superseded: { title: "A newer deployment went live first", next: "There is nothing to do." },
  node_lost: {
    title: "Its node was lost",
    next: "Deploy it again: another node takes it.",
    settings: "nodes",
    mayPass: true,
  },
};

export function adviceFor(code: string): Advice {
  return (
    ADVICE[code] ?? {
      title: code.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase()),
      next: "The end of the log may say more.",
      mayPass: true,
    }
  );
}

/** The figures of a failure that has some: `exit code 1`, `used 512 of 512 MB`. */
export function figuresOf({ exit_code, limit, limit_mb, limit_s, peak_mb, kind }: NonNullable<Deployment["failure"]>): string[] {
  const figures: string[] = [];
  if (kind !== null) figures.push(kind.replaceAll("_", " "));
  if (exit_code !== null) figures.push(`exit code ${exit_code}`);
  if (peak_mb !== null && limit_mb !== null) figures.push(`used ${peak_mb} of ${limit_mb} MB`);
  else if (limit_mb !== null) figures.push(`limit ${limit_mb} MB`);
  if (limit_s !== null) figures.push(`limit ${limit_s} s`);
  if (limit !== null) figures.push(`limit ${limit}`);
  return figures;
}
