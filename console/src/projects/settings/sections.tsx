import { useQuery } from "@tanstack/react-query";
import type { Schemas } from "@/api/client";
import { type Project, deploymentQuery } from "@/api/queries";
import { repositoryAddress } from "@/lib/repository";
import { Field, Input, Select } from "@/ui/field";
import { BuildFields, type BuildValues } from "../build-fields";
import { NumberField } from "./number-field";
import { Section } from "./section";
import { useSection } from "./use-section";

export function SourceSection({ project }: { project: Project }) {
  const { source } = project;
  const { values, set, section } = useSection(project, "source", {
    repository: source?.repository ?? "",
    branch: source?.branch ?? null,
    root_directory: source?.root_directory ?? null,
  });
  return (
    <Section id="source" title="Source" description="What is fetched for each deployment." {...section}>
      <Field label="Repository" className="sm:col-span-2">
        {(attributes) => (
          <Input {...attributes} value={values.repository} onChange={(event) => set({ repository: event.target.value })} onBlur={() => set({ repository: repositoryAddress(values.repository) })} className="code" spellCheck={false} autoComplete="off" />
        )}
      </Field>
      <Field label="Branch" hint="Empty: the repository's default branch.">
        {(attributes) => (
          <Input {...attributes} value={values.branch ?? ""} onChange={(event) => set({ branch: event.target.value || null })} className="code" spellCheck={false} autoComplete="off" />
        )}
      </Field>
      <Field label="Root directory" hint="A folder inside the repository. Empty: its top.">
        {(attributes) => (
          <Input {...attributes} value={values.root_directory ?? ""} onChange={(event) => set({ root_directory: event.target.value || null })} className="code" placeholder="." spellCheck={false} autoComplete="off" />
        )}
      </Field>
    </Section>
  );
}

export function BuildSection({ project }: { project: Project }) {
  const { build, live } = project;
  const plan = useQuery({ ...deploymentQuery(live ?? ""), enabled: live !== null }).data?.plan ?? null;
  const { values, set, section } = useSection(project, "build", {
    install_command: build.install_command,
    build_command: build.build_command,
    output_directory: build.output_directory,
    start_command: build.start_command,
    runtime_version: build.runtime_version,
    port: build.port,
    builder: build.builder ?? "auto",
    dockerfile: build.dockerfile,
    single_page: build.single_page,
  });
  return (
    <Section id="build" title="Build" description="What is empty is found out at each deployment. A pierhead.yaml in the repository wins over what is said here." {...section}>
      <Field label="Builder">
        {(attributes) => (
          <Select {...attributes} value={values.builder} onChange={(event) => set({ builder: event.target.value as Schemas["BuilderChoice"] })}>
            <option value="auto">A Dockerfile if there is one, otherwise the framework</option>
            <option value="dockerfile">The Dockerfile</option>
            <option value="framework">The framework, whatever Dockerfile there is</option>
          </Select>
        )}
      </Field>
      <Field label="Dockerfile" hint="Relative to the root directory.">
        {(attributes) => (
          <Input {...attributes} value={values.dockerfile ?? ""} placeholder="Dockerfile" onChange={(event) => set({ dockerfile: event.target.value || null })} className="code" spellCheck={false} autoComplete="off" />
        )}
      </Field>
      <BuildFields values={values} onChange={(next: BuildValues) => set(next)} plan={values.builder === "auto" ? plan : null} />
      <Field label="Unknown paths of a site">
        {(attributes) => (
          <Select
            {...attributes}
            value={values.single_page === null ? "" : String(values.single_page)}
            onChange={(event) => set({ single_page: event.target.value === "" ? null : event.target.value === "true" })}
          >
            <option value="">Detected</option>
            <option value="true">Answer with index.html: a single-page application</option>
            <option value="false">Answer with 404</option>
          </Select>
        )}
      </Field>
    </Section>
  );
}

export function LimitsSection({ project }: { project: Project }) {
  const { values, set, section } = useSection(project, "limits", project.limits);
  return (
    <Section id="limits" title="Limits" description="Of one deployment. A process that needs more memory is ended, and said so." {...section}>
      <NumberField label="Memory" unit="MB" min={16} value={values.memory_mb} onChange={(memory_mb) => set({ memory_mb })} />
      <NumberField label="CPU" unit="cores" min={0.05} max={256} step={0.05} value={values.cpu} onChange={(cpu) => set({ cpu })} />
      <NumberField label="Processes" unit="" min={1} value={values.pids} onChange={(pids) => set({ pids })} />
      <NumberField label="Time to stop" unit="s" hint="Between the polite and the forced end." min={0} max={3600} value={values.stop_grace_s} onChange={(stop_grace_s) => set({ stop_grace_s })} />
      <NumberField label="Time to start" unit="s" hint="Until it answers on its health path." min={1} max={3600} value={values.startup_timeout_s} onChange={(startup_timeout_s) => set({ startup_timeout_s })} />
      <NumberField label="Time to build" unit="s" min={1} max={86_400} value={values.build_timeout_s} onChange={(build_timeout_s) => set({ build_timeout_s })} />
      <NumberField label="Memory of a build" unit="MB" min={16} value={values.build_memory_mb} onChange={(build_memory_mb) => set({ build_memory_mb })} />
      <NumberField label="CPU of a build" unit="cores" min={0.05} max={256} step={0.05} value={values.build_cpu} onChange={(build_cpu) => set({ build_cpu })} />
      <NumberField label="Disk of a build" unit="MB" min={1} value={values.build_disk_mb} onChange={(build_disk_mb) => set({ build_disk_mb })} />
      <NumberField label="Processes of a build" unit="" min={1} value={values.build_pids} onChange={(build_pids) => set({ build_pids })} />
    </Section>
  );
}

export function HealthSection({ project }: { project: Project }) {
  const { values, set, section } = useSection(project, "health", project.health);
  return (
    <Section id="health" title="Health" description="A new deployment gets visitors when it is healthy, and not before." {...section}>
      <Field label="Asked by">
        {(attributes) => (
          <Select {...attributes} value={values.kind} onChange={(event) => set({ kind: event.target.value as Schemas["HealthKindName"] })}>
            <option value="http">A request: 2xx and 3xx are good</option>
            <option value="tcp">A connection to its port</option>
            <option value="process">Whether its process runs</option>
          </Select>
        )}
      </Field>
      {values.kind === "http" && (
        <Field label="Path">
          {(attributes) => <Input {...attributes} value={values.path} onChange={(event) => set({ path: event.target.value })} className="code" spellCheck={false} autoComplete="off" />}
        </Field>
      )}
      <NumberField label="Every" unit="ms" min={100} value={values.interval_ms} onChange={(interval_ms) => set({ interval_ms })} />
      <NumberField label="Answer within" unit="ms" min={100} value={values.timeout_ms} onChange={(timeout_ms) => set({ timeout_ms })} />
      <NumberField label="Healthy after" unit="good answers" min={1} value={values.healthy_after} onChange={(healthy_after) => set({ healthy_after })} />
      <NumberField label="Unhealthy after" unit="bad answers" min={1} value={values.unhealthy_after} onChange={(unhealthy_after) => set({ unhealthy_after })} />
    </Section>
  );
}
