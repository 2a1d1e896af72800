import type { Slot } from "@/api/queries";
import { command } from "@/lib/shell";
import { Confirm } from "@/ui/confirm";
import { toast } from "@/ui/toast";
import { useDeleteSlot } from "./mutations";

export function DeleteSlot({ project, slot, onClose }: { project: string; slot: Slot; onClose: () => void }) {
  const remove = useDeleteSlot(project, slot.name);
  return (
    <Confirm
      isOpen
      onClose={onClose}
      title={`Delete the slot ${slot.name}?`}
      action="Delete the slot"
      isDangerous
      typed={slot.name}
      command={command("slots", "delete", slot.name, "--project", project)}
      isBusy={remove.isPending}
      error={remove.error}
      onConfirm={() =>
        remove.mutate(undefined, {
          onSuccess: () => {
            onClose();
            toast(`The slot ${slot.name} is being deleted.`);
          },
        })
      }
    >
      <p>
        What is live in it is stopped, its steps are undone, its volumes are removed, and <code className="code">{slot.url}</code> answers no more. Other slots are not touched.
      </p>
    </Confirm>
  );
}
