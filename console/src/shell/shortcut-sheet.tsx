import { Keys } from "@/ui/keys";
import { shownKeys, singleKeys, useActiveShortcuts } from "@/lib/shortcuts";
import { useStored } from "@/lib/stored";
import { Dialog, DialogBody, DialogFooter } from "@/ui/dialog";

/** What the keyboard does on this page. */
export default function ShortcutSheet({ onClose }: { onClose: () => void }) {
  const shortcuts = useActiveShortcuts();
  const areSingleKeysOn = useStored(singleKeys) === "on";
  const groups = [...new Set(shortcuts.map(({ group }) => group))].map(
    (name) => [name, shortcuts.filter(({ group }) => group === name)] as const,
  );
  return (
    <Dialog isOpen onClose={onClose} title="Keyboard shortcuts" width="medium">
      <DialogBody isRead className="grid gap-x-8 gap-y-5 sm:grid-cols-2">
        {groups.map(([group, members]) => (
          <section key={group}>
            <h3 className="mb-1 text-xs text-faint">{group}</h3>
            <ul>
              {members.map(({ keys, label }) => (
                <li key={keys + label} className="flex min-h-8 items-center justify-between gap-3 border-b border-line text-sm last:border-0">
                  {label} <Keys keys={shownKeys(keys)} />
                </li>
              ))}
            </ul>
          </section>
        ))}
      </DialogBody>
      <DialogFooter>
        <label className="mr-auto flex items-center gap-2 text-sm text-muted">
          <input
            type="checkbox"
            checked={areSingleKeysOn}
            onChange={(event) => singleKeys.set(event.target.checked ? "on" : "off")}
            className="size-4 accent-(--accent-solid)"
          />
          Single keys (without Ctrl or ⌘)
        </label>
      </DialogFooter>
    </Dialog>
  );
}
