/** Copies text; also on plain HTTP, where `navigator.clipboard` is missing. */
export async function copyText(text: string): Promise<boolean> {
  const clipboard = (navigator as { clipboard?: Clipboard }).clipboard;
  if (clipboard !== undefined) {
    try {
      await clipboard.writeText(text);
      return true;
    } catch {
      // Not allowed at the moment: the older way may be.
    }
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("readonly", "");
  area.className = "fixed top-0 -left-[100vw]";
  // Inside an open dialog, because the page behind it cannot have the focus.
  const host = document.querySelector("[role=dialog]") ?? document.body;
  const focused = document.activeElement;
  host.append(area);
  area.select();
  // The only way there is on plain HTTP.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const copied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return copied;
}
