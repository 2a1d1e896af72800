import { Link } from "@tanstack/react-router";
import { BookOpen, Search } from "lucide-react";
import { Keys } from "@/ui/keys";
import { shownKeys } from "@/lib/shortcuts";
import { LiveBadge } from "./live-badge";
import { Logo } from "./logo";
import { ACCOUNT_PLACES, CATALOGUE_PLACES, PEOPLE_PLACES, PLACES, type Place } from "./places";

const ITEM =
  "flex h-8 items-center gap-2.5 rounded-md px-2 text-sm text-muted hover:bg-hover hover:text-ink [&_svg]:size-4 [&_svg]:shrink-0";
const ITEM_ACTIVE = "bg-hover text-ink! font-medium [&_svg]:text-accent";

export function Sidebar({ onSearch }: { onSearch: () => void }) {
  return (
    <aside className="sticky top-0 flex h-dvh w-56 shrink-0 flex-col border-r border-line bg-page max-md:hidden">
      <div className="flex h-14 items-center gap-2.5 px-4">
        <Link to="/" className="flex items-center gap-2.5 rounded-md font-semibold tracking-tight">
          <Logo className="size-6.5" />
          Pierhead
        </Link>
      </div>
      <div className="px-3 pb-3">
        <button
          type="button"
          onClick={onSearch}
          className="flex h-8 w-full items-center gap-2 rounded-md border border-line bg-surface px-2 text-sm text-muted hover:border-line-strong/60 hover:text-ink"
        >
          <Search aria-hidden className="size-4" />
          <span className="flex-1 text-left">Search</span>
          <Keys keys={shownKeys("Mod+K")} />
        </button>
      </div>
      <nav aria-label="Main" className="flex flex-1 flex-col gap-0.5 overflow-y-auto px-3">
        <Places places={PLACES} />
        <Heading>Catalogue</Heading>
        <Places places={CATALOGUE_PLACES} />
        <Heading>People</Heading>
        <Places places={PEOPLE_PLACES} />
        <Heading>Account</Heading>
        <Places places={ACCOUNT_PLACES} />
      </nav>
      <div className="flex flex-col gap-0.5 border-t border-line p-3">
        <a href="/api/docs" target="_blank" rel="noreferrer" className={ITEM}>
          <BookOpen aria-hidden /> API reference
        </a>
        <div className="flex items-center justify-between">
          <LiveBadge />
          <span className="pr-1 text-xs text-faint">
            <Keys keys="?" />
          </span>
        </div>
      </div>
    </aside>
  );
}

function Heading({ children }: { children: string }) {
  return <span className="mt-4 mb-1 px-2 text-xs text-faint">{children}</span>;
}

function Places({ places }: { places: readonly Place[] }) {
  return places.map(({ to, label, icon: Icon }) => (
    <Link key={to} to={to} activeOptions={{ exact: to === "/" }} className={ITEM} activeProps={{ className: ITEM_ACTIVE }}>
      <Icon aria-hidden /> {label}
    </Link>
  ));
}
