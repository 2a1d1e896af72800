import { Plus } from "lucide-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/ui/button";
import { Dialog, DialogBody } from "@/ui/dialog";
import { Input } from "@/ui/field";
import { KINDS, type StepKind, shortImage } from "./model";
import { pluginsQuery, servicesQuery } from "./queries";
import { StepIcon } from "./step-icon";

interface Choice {
  key: string;
  kind: StepKind;
  title: string;
  about: string;
  name: string;
  step: Record<string, unknown>;
}

const PLAIN: Choice[] = [
  { key: "service", kind: "service", title: "Service from an image", about: KINDS.service.does, name: "service", step: { kind: "service", image: "" } },
  { key: "build", kind: "build", title: "Build", about: KINDS.build.does, name: "build", step: { kind: "build" } },
  { key: "built-service", kind: "service", title: "Service from a build", about: "Connect a build to it", name: "app", step: { kind: "service" } },
  { key: "site", kind: "site", title: "Site", about: KINDS.site.does, name: "site", step: { kind: "site" } },
];

/** Everything that can be a step: plain kinds, the catalogue, plugins. */
export function AddStep({ isOpen, onOpen, onClose, onAdd }: { isOpen: boolean; onOpen: () => void; onClose: () => void; onAdd: (name: string, step: Record<string, unknown>) => void }) {
  return (
    <>
      <Button size="small" kind="primary" onClick={onOpen}>
        <Plus aria-hidden /> Add a step
      </Button>
      {isOpen && <Choices onClose={onClose} onAdd={onAdd} />}
    </>
  );
}

function Choices({ onClose, onAdd }: { onClose: () => void; onAdd: (name: string, step: Record<string, unknown>) => void }) {
  const [search, setSearch] = useState("");
  const services = useQuery(servicesQuery()).data ?? [];
  const plugins = useQuery(pluginsQuery()).data ?? [];
  const groups: [string, Choice[]][] = [
    ["Kinds", PLAIN],
    ["Services of the catalogue", services.map(({ name, image, description }) => ({ key: `service-${name}`, kind: "service", title: name, about: description ?? shortImage(image), name, step: { kind: "service", service: name } }))],
    ["Plugins", plugins.map(({ name, image, description }) => ({ key: `plugin-${name}`, kind: "plugin", title: name, about: description, name, step: { kind: "plugin", image: pinned(image) } }))],
  ];
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = ({ title, about, kind }: Choice) => words.every((word) => `${title} ${about} ${kind}`.toLowerCase().includes(word));
  const shown = groups.map(([heading, choices]) => [heading, choices.filter(fits)] as const).filter(([, choices]) => choices.length > 0);
  const take = ({ name, step }: Choice) => {
    onClose();
    onAdd(name, step);
  };
  return (
    <Dialog isOpen onClose={onClose} title="Add a step" width="medium" isHigh>
      <DialogBody className="flex flex-col gap-4">
        <Input
          type="search"
          autoFocus
          aria-label="Search steps"
          placeholder="Search"
          value={search}
          onChange={({ target }) => setSearch(target.value)}
          onKeyDown={(event) => {
            const first = shown[0]?.[1][0];
            if (event.key !== "Enter" || first === undefined) return;
            event.preventDefault();
            take(first);
          }}
        />
        {shown.length === 0 && <p className="py-6 text-center text-sm text-muted">Nothing is called “{search}”.</p>}
        {shown.map(([heading, choices]) => (
          <section key={heading}>
            <h3 className="mb-1 text-xs text-faint">{heading}</h3>
            <ul className="grid grid-cols-[minmax(0,1fr)] gap-1 sm:grid-cols-[repeat(2,minmax(0,1fr))]">
              {choices.map((choice) => (
                <li key={choice.key}>
                  <button type="button" onClick={() => take(choice)} className="flex w-full items-center gap-2.5 rounded-md p-2 text-left hover:bg-hover">
                    <StepIcon kind={choice.kind} />
                    <span className="min-w-0">
                      <span className="block text-sm font-medium">{choice.title}</span>
                      <span className="block truncate text-xs text-muted">{choice.about}</span>
                    </span>
                  </button>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </DialogBody>
    </Dialog>
  );
}

/** Those that come with Pierhead have one version; of others only whoever made them knows. */
function pinned(image: string): string {
  return image.startsWith("pierhead/plugin-") ? `${image}:1.0.0` : image;
}
