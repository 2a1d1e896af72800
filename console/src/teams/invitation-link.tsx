import { CopyButton } from "@/ui/copy";

/** Shown once: where no e-mail can be sent, somebody has to hand it over. */
export function InvitationLink({ email, link, className }: { email: string; link: string; className?: string }) {
  return (
    <div className={className}>
      <p className="mb-1.5 text-sm">
        No e-mail can be sent from here. Give this link to {email}; it is good once, for three days, and is not shown again.
      </p>
      <span className="flex min-w-0 items-center gap-1 rounded-md border border-line bg-sunken py-0.5 pr-0.5 pl-2.5">
        <code className="code min-w-0 flex-1 py-1 text-xs break-all">{link}</code>
        <CopyButton text={link} what="link" />
      </span>
    </div>
  );
}
