import { Stored } from "@/lib/stored";

export type Theme = "system" | "light" | "dark";

export const theme = new Stored<Theme>("theme", ["system", "light", "dark"], "system");

export function applyTheme(): void {
  const { dataset } = document.documentElement;
  if (theme.value === "system") delete dataset["theme"];
  else dataset["theme"] = theme.value;
}

export function chooseTheme(next: Theme): void {
  theme.set(next);
  applyTheme();
}

export function toggleTheme(): void {
  const isDark =
    theme.value === "dark" || (theme.value === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  chooseTheme(isDark ? "light" : "dark");
}
