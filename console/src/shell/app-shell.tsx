import { useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { Suspense, lazy, useEffect, useState } from "react";
import { live } from "@/api/live";
import { listenForShortcuts, useShortcut } from "@/lib/shortcuts";
import { LiveBadge } from "./live-badge";
import { Logo } from "./logo";
import { PhoneBar } from "./phone-bar";
import { ALL_PLACES, type Place } from "./places";
import { Sidebar } from "./sidebar";
import { toggleTheme } from "./theme";

const Palette = lazy(() => import("./palette"));
const ShortcutSheet = lazy(() => import("./shortcut-sheet"));

type Layer = "palette" | "shortcuts" | null;

export function AppShell() {
  const client = useQueryClient();
  const [layer, setLayer] = useState<Layer>(null);
  useEffect(() => live.start(client), [client]);
  useEffect(() => listenForShortcuts(), []);
  useShortcut("Mod+K", "Search and commands", "Everywhere", () => setLayer(layer === "palette" ? null : "palette"));
  useShortcut("?", "Keyboard shortcuts", "Everywhere", () => setLayer("shortcuts"));
  useShortcut("Mod+.", "Light or dark", "Everywhere", toggleTheme);
  const close = () => setLayer(null);
  return (
    <>
      <a
        href="#content"
        className="fixed top-2 left-2 z-60 -translate-y-16 rounded-md bg-accent-solid px-3 py-1.5 text-sm text-on-accent focus:translate-y-0"
      >
        Skip to the content
      </a>
      {ALL_PLACES.map((place) => (
        <PlaceShortcut key={place.to} {...place} />
      ))}
      <div className="flex min-h-dvh">
        <Sidebar onSearch={() => setLayer("palette")} />
        <div className="flex min-w-0 flex-1 flex-col max-md:pb-[calc(3.5rem+env(safe-area-inset-bottom))]">
          <header className="flex h-12 items-center justify-between border-b border-line px-4 md:hidden">
            <Link to="/" className="flex items-center gap-2 font-semibold">
              <Logo className="size-6" /> Pierhead
            </Link>
            <LiveBadge />
          </header>
          <main id="content" tabIndex={-1} className="flex min-w-0 flex-1 flex-col outline-none">
            <Outlet />
          </main>
        </div>
      </div>
      <PhoneBar onSearch={() => setLayer("palette")} />
      <Suspense>
        {layer === "palette" && <Palette onClose={close} onShortcuts={() => setLayer("shortcuts")} />}
        {layer === "shortcuts" && <ShortcutSheet onClose={close} />}
      </Suspense>
    </>
  );
}

function PlaceShortcut({ to, label, keys }: Place) {
  const navigate = useNavigate();
  useShortcut(keys, label, "Go to", () => void navigate({ to }));
  return null;
}
