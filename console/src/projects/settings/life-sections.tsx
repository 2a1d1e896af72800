import type { Project } from "@/api/queries";
import { remaining } from "@/lib/time";
import { Field, Select, TextArea } from "@/ui/field";
import { Section } from "./section";
import { useSection } from "./use-section";

const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;

/** What is chosen among, with what it is now even when that is none of the usual ones. */
function withCurrent(usual: readonly number[], current: number | null): number[] {
  return current === null || usual.includes(current) ? [...usual] : [...usual, current].toSorted((a, b) => a - b);
}

const IDLE = [5 * MINUTE_S, 15 * MINUTE_S, HOUR_S, 6 * HOUR_S, DAY_S];
const LIVES = [4 * HOUR_S, DAY_S, 3 * DAY_S, 7 * DAY_S, 30 * DAY_S];
/** Of slots: until somebody deletes them. */
const FOR_EVER = 0;

/** When a service sleeps, and how long a copy of it stays. */
export function IdleSection({ project }: { project: Project }) {
  const { sleep_after_s, lifetime_s } = project;
  const { values, set, section } = useSection(project, null, { sleep_after_s, lifetime_s }, { told: "Saved. It holds from now on." });
  return (
    <Section id="idle" title="Sleep and lifetime" description="What nobody needs gives its memory back." {...section}>
      <Field label="A service sleeps" hint={values.sleep_after_s === 0 ? "It keeps its memory, day and night." : "Its address stays. The next request wakes it, and waits for as long as that takes."}>
        {(attributes) => (
          <Select {...attributes} value={values.sleep_after_s} onChange={({ target }) => set({ sleep_after_s: Number(target.value) })}>
            <option value={0}>Never</option>
            {withCurrent(IDLE, values.sleep_after_s === 0 ? null : values.sleep_after_s).map((seconds) => (
              <option key={seconds} value={seconds}>
                After {remaining(seconds * 1000)} without a request
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Field label="A slot stays" hint="Unless somebody extends it. Production stays in any case.">
        {(attributes) => (
          <Select {...attributes} value={values.lifetime_s ?? ""} onChange={({ target }) => set({ lifetime_s: target.value === "" ? null : Number(target.value) })}>
            <option value="">For as long as its environment says</option>
            {withCurrent(LIVES, values.lifetime_s === FOR_EVER ? null : values.lifetime_s).map((seconds) => (
              <option key={seconds} value={seconds}>
                {remaining(seconds * 1000)}
              </option>
            ))}
            <option value={FOR_EVER}>Until somebody deletes it</option>
          </Select>
        )}
      </Field>
    </Section>
  );
}

/** Patterns are written one below the other. */
const asSent = (value: unknown, name: string): unknown => (name === "branches" ? String(value).split(/\s+/).filter(Boolean) : value);

/** What makes the project deploy by itself. */
export function TriggersSection({ project }: { project: Project }) {
  const { push, pull_requests, branches } = project.triggers;
  const { values, set, section } = useSection(project, "triggers", { push, pull_requests, branches: branches.join("\n") }, { told: "Saved. The next push is treated so.", asSent });
  return (
    <Section id="triggers" title="Deploys by itself" description="What a push does. Nothing is deployed when nothing below the root directory changed." {...section}>
      <div className="flex flex-col gap-2.5 text-sm">
        <Check label={`A push to ${project.source?.branch ?? "the default branch"} deploys to production`} isOn={values.push} onChange={(next) => set({ push: next })} />
        <Check label="A pull request gets a slot of its own, until it is closed" isOn={values.pull_requests} onChange={(next) => set({ pull_requests: next })} />
      </div>
      <Field label="Branches with a slot of their own" hint="A pattern on each line, such as release/*. A * stands for anything.">
        {(attributes) => <TextArea {...attributes} rows={3} value={values.branches} onChange={({ target }) => set({ branches: target.value })} className="code" spellCheck={false} placeholder="release/*" />}
      </Field>
    </Section>
  );
}

function Check({ label, isOn, onChange }: { label: string; isOn: boolean; onChange: (next: boolean) => void }) {
  return (
    <label className="flex min-h-6 items-start gap-2">
      <input type="checkbox" checked={isOn} onChange={({ target }) => onChange(target.checked)} className="mt-0.5 size-4 accent-(--accent-solid)" />
      <span>{label}</span>
    </label>
  );
}
