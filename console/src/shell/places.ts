import { BadgeCheck, Box, Boxes, Container, GitFork, House, KeyRound, LayoutTemplate, LockKeyhole, type LucideIcon, Plug, Rocket, ScrollText, Server, User, UserCog, Users } from "lucide-react";

export interface Place {
  to: "/" | "/projects" | "/deployments" | "/environments" | "/services" | "/plugins" | "/templates" | "/registries" | "/teams" | "/audit" | "/users" | "/certificates" | "/github" | "/keys" | "/account/tokens" | "/account/profile";
  label: string;
  icon: LucideIcon;
  keys: string;
  /** Not in the bar of a phone, where a thumb has room for five. */
  isRare?: boolean;
}

/** Where one can go from everywhere, in the order of the sidebar. */
export const PLACES: Place[] = [
  { to: "/", label: "Home", icon: House, keys: "g h" },
  { to: "/projects", label: "Projects", icon: Boxes, keys: "g p" },
  { to: "/deployments", label: "Deployments", icon: Rocket, keys: "g d" },
  { to: "/environments", label: "Environments", icon: Server, keys: "g e", isRare: true },
];

/** What pipelines are made of. */
export const CATALOGUE_PLACES: Place[] = [
  { to: "/services", label: "Services", icon: Box, keys: "g s", isRare: true },
  { to: "/plugins", label: "Plugins", icon: Plug, keys: "g l", isRare: true },
  { to: "/templates", label: "Templates", icon: LayoutTemplate, keys: "g t", isRare: true },
  { to: "/registries", label: "Registries", icon: Container, keys: "g r", isRare: true },
  { to: "/github", label: "GitHub", icon: GitFork, keys: "g b", isRare: true },
];

/** Who works here, and what they did. */
export const PEOPLE_PLACES: Place[] = [
  { to: "/teams", label: "Teams", icon: Users, keys: "g w", isRare: true },
  { to: "/audit", label: "Audit", icon: ScrollText, keys: "g a", isRare: true },
  { to: "/certificates", label: "Certificates", icon: BadgeCheck, keys: "g c", isRare: true },
  { to: "/users", label: "Users", icon: UserCog, keys: "g u", isRare: true },
  { to: "/keys", label: "Keys", icon: LockKeyhole, keys: "g y", isRare: true },
];

export const ACCOUNT_PLACES: Place[] = [
  { to: "/account/tokens", label: "API tokens", icon: KeyRound, keys: "g k" },
  { to: "/account/profile", label: "Profile", icon: User, keys: "g m" },
];

export const ALL_PLACES: Place[] = [...PLACES, ...CATALOGUE_PLACES, ...PEOPLE_PLACES, ...ACCOUNT_PLACES];
