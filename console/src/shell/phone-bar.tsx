import { Link } from "@tanstack/react-router";
import { Search, User } from "lucide-react";
import { PLACES } from "./places";

const ITEM = "flex flex-1 flex-col items-center justify-center gap-0.5 text-2xs text-muted [&_svg]:size-5";

/** Where a thumb reaches. */
export function PhoneBar({ onSearch }: { onSearch: () => void }) {
  return (
    <nav
      aria-label="Main"
      className="fixed inset-x-0 bottom-0 z-30 flex h-[calc(3.5rem+env(safe-area-inset-bottom))] border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {PLACES.filter(({ isRare }) => isRare !== true).map(({ to, label, icon: Icon }) => (
        <Link key={to} to={to} activeOptions={{ exact: to === "/" }} className={ITEM} activeProps={{ className: "text-accent! font-medium" }}>
          <Icon aria-hidden /> {label}
        </Link>
      ))}
      <button type="button" onClick={onSearch} className={ITEM}>
        <Search aria-hidden /> Search
      </button>
      <Link to="/account/profile" className={ITEM} activeProps={{ className: "text-accent! font-medium" }}>
        <User aria-hidden /> Me
      </Link>
    </nav>
  );
}
