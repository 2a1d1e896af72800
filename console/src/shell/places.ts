import { Boxes, Container, KeyRound, type LucideIcon, Rocket, Server, User } from "lucide-react";

interface Place {
  to: "/projects" | "/deployments" | "/environments" | "/registries" | "/account/tokens" | "/account/profile";
  label: string;
  icon: LucideIcon;
  keys: string;
  /** Not in the bar of a phone, where a thumb has room for five. */
  isRare?: boolean;
}

/** Where one can go from everywhere, in the order of the sidebar. */
export const PLACES: Place[] = [
  { to: "/projects", label: "Projects", icon: Boxes, keys: "g p" },
  { to: "/deployments", label: "Deployments", icon: Rocket, keys: "g d" },
  { to: "/environments", label: "Environments", icon: Server, keys: "g e" },
  { to: "/registries", label: "Registries", icon: Container, keys: "g r", isRare: true },
];

export const ACCOUNT_PLACES: Place[] = [
  { to: "/account/tokens", label: "API tokens", icon: KeyRound, keys: "g k" },
  { to: "/account/profile", label: "Profile", icon: User, keys: "g m" },
];
