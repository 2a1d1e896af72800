import { useState } from "react";
import { asProblem } from "@/api/problem";
import { Button } from "@/ui/button";
import { CopyButton } from "@/ui/copy";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { useAddNotification } from "./mutations";
import { EVENTS, EVENT_WORDS, type Event, FORMATS, FORMAT_WORDS, type Format } from "./words";

const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** Who shall be told, of what, and how. A program's secret is shown this once. */
export function AddDialog({ project, onClose }: { project: string; onClose: () => void }) {
  const [name, setName] = useState("");
  const [format, setFormat] = useState<Format>("standard");
  const [url, setUrl] = useState("");
  const [events, setEvents] = useState<readonly Event[]>(EVENTS);
  const [isTried, setIsTried] = useState(false);
  const add = useAddNotification(project);
  const problems = {
    name: NAME.test(name.trim()) ? undefined : "Small letters, digits and hyphens.",
    url: /^https?:\/\/\S+$/.test(url.trim()) ? undefined : "An address that begins with https://.",
    events: events.length > 0 ? undefined : "Choose at least one.",
  };
  const said = (pointer: string) => (add.isError ? asProblem(add.error).fields.find((field) => field.pointer === pointer)?.detail : undefined);
  const secret = add.data?.secret;
  if (secret != null) return <Secret name={name.trim()} secret={secret} onClose={onClose} />;
  return (
    <Dialog isOpen onClose={onClose} title="Tell somebody" width="medium">
      <form
        className="contents"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          setIsTried(true);
          if (Object.values(problems).some((it) => it !== undefined)) return;
          add.mutate(
            { name: name.trim(), format, url: url.trim(), events: [...events] },
            {
              onSuccess: (made) => {
                if (made.secret !== null) return;
                onClose();
                toast(`${made.name} is told from now on. Test it once.`);
              },
            },
          );
        }}
      >
        <DialogBody className="flex flex-col gap-4">
          <Field label="Name" error={isTried ? (problems.name ?? said("/name")) : undefined}>
            {(attributes) => <Input {...attributes} value={name} onChange={({ target }) => setName(target.value)} className="code" placeholder="team-chat" autoComplete="off" autoCapitalize="off" spellCheck={false} autoFocus />}
          </Field>
          <Field label="Who listens" hint={FORMAT_WORDS[format].hint}>
            {(attributes) => (
              <Select {...attributes} value={format} onChange={({ target }) => setFormat(target.value as Format)}>
                {FORMATS.map((it) => (
                  <option key={it} value={it}>
                    {FORMAT_WORDS[it].label}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Field label="Address" hint="As good as a password: it is kept sealed, and only its host is shown." error={isTried ? (problems.url ?? said("/url")) : undefined}>
            {(attributes) => <Input {...attributes} value={url} onChange={({ target }) => setUrl(target.value)} className="code" placeholder="https://hooks.example.com/…" inputMode="url" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
          </Field>
          <fieldset className="flex flex-col gap-1.5 text-sm">
            <legend className="mb-1 font-medium">When</legend>
            {EVENTS.map((event) => (
              <label key={event} className="flex min-h-6 items-center gap-2">
                <input
                  type="checkbox"
                  checked={events.includes(event)}
                  onChange={({ target }) => setEvents(target.checked ? EVENTS.filter((it) => it === event || events.includes(it)) : events.filter((it) => it !== event))}
                  className="size-4 accent-(--accent-solid)"
                />
                {EVENT_WORDS[event]} <code className="code text-xs text-muted max-sm:hidden">{event}</code>
              </label>
            ))}
            {isTried && problems.events !== undefined && <p className="text-xs text-bad">{problems.events}</p>}
          </fieldset>
          {add.isError && <ProblemPanel what="It was not added" error={add.error} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" isBusy={add.isPending}>
            Add
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}

function Secret({ name, secret, onClose }: { name: string; secret: string; onClose: () => void }) {
  return (
    <Dialog isOpen onClose={onClose} width="medium" title={`${name} is told from now on`} description="Its secret is shown this once: copy it before you close this.">
      <DialogBody className="flex flex-col gap-3">
        <p className="flex items-center gap-1 rounded-md border border-line bg-sunken py-1 pr-1 pl-2.5">
          <code className="code min-w-0 flex-1 text-sm break-all" aria-label="The secret">
            {secret}
          </code>
          <CopyButton text={secret} what="secret" />
        </p>
        <p className="text-sm text-muted">
          What is sent is signed with it, as{" "}
          <a href="https://www.standardwebhooks.com" target="_blank" rel="noreferrer" className="text-accent underline underline-offset-2">
            Standard Webhooks
          </a>{" "}
          says: their libraries check <code className="code">webhook-signature</code>, and a receiver that remembers <code className="code">webhook-id</code> counts each message once.
        </p>
      </DialogBody>
      <DialogFooter>
        <Button kind="primary" onClick={onClose}>
          I have copied it
        </Button>
      </DialogFooter>
    </Dialog>
  );
}
