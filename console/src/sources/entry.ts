/** How a repository is entered follows from how its address is written. */
export type Entry = "ssh" | "https" | "http";

export function entryOf(repository: string): Entry {
  if (repository.startsWith("ssh://")) return "ssh";
  if (repository.startsWith("http://")) return "http";
  if (repository.startsWith("https://")) return "https";
  // As git and its hosts write it: git@github.com:team/shop.git
  return /^[^/:@\s]+@[^/:\s]+:/.test(repository) ? "ssh" : "https";
}
