import { useState } from "react";
import { Button } from "@/ui/button";
import { Command } from "@/ui/copy";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Pem } from "@/ui/pem";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { command } from "@/lib/shell";
import { useHandOver } from "./mutations";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----";
const KEY = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/;

/** A certificate that somebody brings: its chain and its key, pasted or taken from files. */
export function HandOverDialog({ project, onClose }: { project: string | null; onClose: () => void }) {
  const [chain, setChain] = useState("");
  const [key, setKey] = useState("");
  const [isTried, setIsTried] = useState(false);
  const handOver = useHandOver(project);
  const chainProblem = chain.includes(CERTIFICATE) ? undefined : "PEM text: it begins with -----BEGIN CERTIFICATE-----.";
  const keyProblem = key.includes("ENCRYPTED") ? "The key is locked with a password: unlock it first." : KEY.test(key) ? undefined : "PEM text: it begins with -----BEGIN PRIVATE KEY-----.";
  return (
    <Dialog isOpen onClose={onClose} width="medium" title="Hand a certificate over" description={project === null ? "For the installation's own names, such as a wildcard for everything below the base domain." : "For domains of this project. It goes before one that was ordered; renewing it is up to you."}>
      <form
        className="contents"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          setIsTried(true);
          if (chainProblem !== undefined || keyProblem !== undefined) return;
          handOver.mutate(
            { chain, key },
            {
              onSuccess: ({ names }) => {
                onClose();
                toast(`The certificate for ${names.join(", ")} is taken.`);
              },
            },
          );
        }}
      >
        <DialogBody className="flex flex-col gap-4">
          <Pem label="Chain" hint="The certificate itself first, then who signed it." value={chain} onChange={setChain} error={isTried ? chainProblem : undefined} accept=".pem,.crt,.cer" />
          <Pem label="Key" hint="It is kept sealed and never shown again." value={key} onChange={setKey} error={isTried ? keyProblem : undefined} accept=".pem,.key" />
          <Command text={command("certificates", "upload", "chain.pem", "key.pem", ...(project === null ? ["--platform"] : ["--project", project]))} />
          {handOver.isError && <ProblemPanel what="The certificate was not taken" error={handOver.error} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" isBusy={handOver.isPending}>
            Hand it over
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}
