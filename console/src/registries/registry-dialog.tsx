import { zodResolver } from "@hookform/resolvers/zod";
import { useForm, useWatch } from "react-hook-form";
import * as z from "zod/mini";
import type { Registry } from "@/api/queries";
import { Button } from "@/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";
import { Field, Input } from "@/ui/field";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { useSaveRegistry } from "./mutations";

const schema = z.object({
  name: z.string().check(z.regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, "Small letters, digits and hyphens.")),
  host: z.string().check(z.regex(/^[^\s/]+$/, "A host as images name it, without https:// and without a path.")),
  username: z.string(),
  password: z.string(),
  tokenServers: z.string(),
  plainHttp: z.boolean(),
});

type Values = z.infer<typeof schema>;

export function RegistryDialog({ registry, onClose }: { registry: Registry | null; onClose: () => void }) {
  const save = useSaveRegistry(registry);
  const { register, handleSubmit, control, formState } = useForm<Values>({
    resolver: zodResolver(schema),
    defaultValues: {
      name: registry?.name ?? "",
      host: registry?.host ?? "",
      username: registry?.username ?? "",
      password: "",
      tokenServers: registry?.token_servers.join(", ") ?? "",
      plainHttp: registry?.plain_http ?? false,
    },
  });
  const plainHttp = useWatch({ control, name: "plainHttp" });
  const { errors } = formState;
  const submit = handleSubmit(({ name, host, username, password, tokenServers, plainHttp: isPlain }) =>
    save.mutate(
      {
        name,
        host,
        username: username.trim() || null,
        password: password || null,
        plain_http: isPlain,
        token_servers: tokenServers.split(/[\s,]+/).filter(Boolean),
      },
      {
        onSuccess: () => {
          onClose();
          toast(registry === null ? `${name} is added. Test it once.` : `${name} is changed.`);
        },
      },
    ),
  );
  return (
    <Dialog isOpen onClose={onClose} title={registry === null ? "Add a registry" : `Change ${registry.name}`} description="An image says by its host which account is used.">
      <form className="contents" noValidate onSubmit={(event) => void submit(event)}>
        <DialogBody className="flex flex-col gap-4">
          <Field label="Name" error={errors.name?.message}>
            {(attributes) => <Input {...attributes} {...register("name")} className="code" placeholder="team" autoComplete="off" autoCapitalize="off" spellCheck={false} autoFocus />}
          </Field>
          <Field label="Host" error={errors.host?.message}>
            {(attributes) => <Input {...attributes} {...register("host")} className="code" placeholder="ghcr.io" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
          </Field>
          <Field label="User" hint="Empty: it is asked without an account.">
            {(attributes) => <Input {...attributes} {...register("username")} autoComplete="off" autoCapitalize="off" spellCheck={false} />}
          </Field>
          <Field label="Password or token" hint={registry?.username != null ? "Empty: it keeps the one it has, which is never shown." : undefined}>
            {(attributes) => <Input {...attributes} {...register("password")} type="password" autoComplete="off" />}
          </Field>
          <Field label="Token servers" hint="Other hosts that may get the account to answer with a token. Usually none.">
            {(attributes) => <Input {...attributes} {...register("tokenServers")} className="code" autoComplete="off" autoCapitalize="off" spellCheck={false} />}
          </Field>
          <label className="flex items-start gap-2 text-sm">
            <input type="checkbox" {...register("plainHttp")} className="mt-0.5 size-4 accent-(--accent-solid)" />
            <span>
              Without TLS
              {plainHttp && <span className="block text-xs text-warn">The account can be read on the way. Only inside a network that you trust.</span>}
            </span>
          </label>
          {save.isError && <ProblemPanel what="The registry was not saved" error={save.error} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" isBusy={save.isPending}>
            {registry === null ? "Add" : "Save"}
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}
