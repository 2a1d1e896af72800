/** How tabs look that are links: their place is in the address, so that they can be shared. */
export const tabLook =
  "-mb-px flex h-9 shrink-0 items-center gap-1.5 border-b-2 border-transparent px-1 text-sm text-muted hover:text-ink";
export const tabActiveLook = "border-accent! text-ink! font-medium";
export const tabListLook = "flex gap-4 overflow-x-auto border-b border-line [scrollbar-width:none]";
