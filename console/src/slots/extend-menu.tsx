import { AlarmClockPlus } from "lucide-react";
import type { Slot } from "@/api/queries";
import { remaining } from "@/lib/time";
import { Button } from "@/ui/button";
import { Menu, MenuItem, MenuSeparator } from "@/ui/menu";
import { ProblemPanel } from "@/ui/problem-panel";
import { toast } from "@/ui/toast";
import { useExtend } from "./mutations";

const HOUR_S = 3600;
const CHOICES: [label: string, seconds: number][] = [
  ["One more hour", HOUR_S],
  ["One more day", 24 * HOUR_S],
  ["One more week", 7 * 24 * HOUR_S],
];

/** Keeps a slot for longer. */
export function ExtendMenu({ project, slot }: { project: string; slot: Slot }) {
  const extend = useExtend(project, slot);
  const ask = (seconds: number | null) =>
    extend.mutate(seconds, {
      onSuccess: ({ expires_at }) => toast(expires_at === null ? `${slot.name} stays until somebody deletes it.` : `${slot.name} stays for ${remaining(new Date(expires_at).getTime() - Date.now())}.`),
    });
  return (
    <>
      <Menu
        label={`How long ${slot.name} stays`}
        trigger={
          <Button size="small" disabled={slot.deleting}>
            <AlarmClockPlus aria-hidden /> Extend
          </Button>
        }
      >
        {slot.lifetime_s !== null && (
          <>
            <MenuItem onSelect={() => ask(null)}>Its lifetime anew: {remaining(slot.lifetime_s * 1000)}</MenuItem>
            <MenuSeparator />
          </>
        )}
        {CHOICES.map(([label, seconds]) => (
          <MenuItem key={seconds} onSelect={() => ask(seconds)}>
            {label} from now
          </MenuItem>
        ))}
        <MenuItem onSelect={() => ask(0)}>Until somebody deletes it</MenuItem>
      </Menu>
      {extend.isError && <ProblemPanel what="It was not extended" error={extend.error} className="basis-full" />}
    </>
  );
}
