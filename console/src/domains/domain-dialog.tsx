import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { asProblem } from "@/api/problem";
import { slotsQuery } from "@/api/queries";
import { command } from "@/lib/shell";
import { Button } from "@/ui/button";
import { Command } from "@/ui/copy";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Input, Select } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { hostOf, hostProblem } from "./host";
import { usePutDomain } from "./mutations";
import type { Domain } from "./queries";

/** Adds a hostname, or lets one that is there show another slot. */
export function DomainDialog({ project, before, onClose }: { project: string; before: Domain | null; onClose: () => void }) {
  const slots = useQuery(slotsQuery(project)).data ?? [];
  const [typed, setTyped] = useState(before?.name ?? "");
  const [slot, setSlot] = useState(before?.slot ?? "production");
  const [isTried, setIsTried] = useState(false);
  const put = usePutDomain(project);
  const host = hostOf(typed);
  const problem = hostProblem(host);
  const said = put.isError ? asProblem(put.error).fields.find(({ pointer }) => pointer === "" || pointer === "/name")?.detail : undefined;
  const choices = [...new Set(["production", slot, ...slots.map(({ name }) => name)])];
  return (
    <Dialog isOpen onClose={onClose} title={before === null ? "Add a domain" : `What ${before.name} shows`} description={before === null ? "A hostname of your own. What you then put into DNS proves that it is yours." : undefined}>
      <form
        className="contents"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          setIsTried(true);
          if (problem !== undefined) return;
          put.mutate(
            { domain: host, slot },
            {
              onSuccess: () => {
                onClose();
                toast(before === null ? `${host} is added: make one of its records now.` : `${host} shows ${slot}.`);
              },
            },
          );
        }}
      >
        <DialogBody className="flex flex-col gap-4">
          {before === null && (
            <Field label="Hostname" error={isTried ? (problem ?? said) : undefined}>
              {(attributes) => (
                <Input {...attributes} value={typed} onChange={({ target }) => setTyped(target.value)} onBlur={() => setTyped(host)} className="code" placeholder="shop.example.com" inputMode="url" autoComplete="off" autoCapitalize="off" spellCheck={false} autoFocus />
              )}
            </Field>
          )}
          <Field label="Shows the slot">
            {(attributes) => (
              <Select {...attributes} value={slot} onChange={({ target }) => setSlot(target.value)}>
                {choices.map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </Select>
            )}
          </Field>
          <Command text={command("domains", "add", host === "" ? "shop.example.com" : host, "--project", project, ...(slot === "production" ? [] : ["--slot", slot]))} />
          {put.isError && <ProblemPanel what={before === null ? "It was not added" : "It was not changed"} error={put.error} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" isBusy={put.isPending}>
            {before === null ? "Add" : "Change"}
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}
