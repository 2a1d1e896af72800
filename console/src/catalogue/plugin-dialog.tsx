import { print } from "@/pipelines/text";
import { toast } from "@/ui/toast";
import { DocumentDialog } from "./document-dialog";
import { type Plugin, useSavePlugin } from "./mutations";

const EXAMPLE = `# What the plugin is called, and its image: each pipeline pins a version of its own.
name: seed-shop
image: registry.example.com/plugins/seed-shop
description: Fills the shop with products
# JSON Schema of its parameters: forms are made from it.
schema:
  type: object
  additionalProperties: false
  required: [url]
  properties:
    url: { type: string, description: Where the shop is }
    products: { type: integer, minimum: 1, default: 100, description: How many }
outputs: [count]
destroys: false
network: deployment
timeout_s: 120
resources: { memory_mb: 64 }
`;

/** A plugin as its manifest. */
export function PluginDialog({ plugin, onClose }: { plugin: Plugin | null; onClose: () => void }) {
  const save = useSavePlugin(plugin);
  return (
    <DocumentDialog
      title={plugin === null ? "Register a plugin" : `Change ${plugin.name}`}
      description="The manifest that lies beside the plugin's source."
      begin={plugin === null ? EXAMPLE : manifestOf(plugin)}
      action={plugin === null ? "Register" : "Save"}
      isBusy={save.isPending}
      error={save.error}
      onSave={(text) =>
        save.mutate(text, {
          onSuccess: ({ name }) => {
            onClose();
            toast(plugin === null ? `${name} is registered.` : `${name} is changed.`);
          },
        })
      }
      onClose={onClose}
    />
  );
}

function manifestOf({ name, image, description, schema, outputs, destroys, network, timeout_s, resources }: Plugin): string {
  return print({ name, image, description, schema, ...(outputs !== null && { outputs }), destroys, network, timeout_s, resources });
}
