/** A hostname as people paste it: with a scheme, a path, a port or a dot at its end. */
export function hostOf(typed: string): string {
  return typed
    .trim()
    .toLowerCase()
    .replace(/^[a-z]+:\/\//, "")
    .replace(/[/?#].*$/, "")
    .replace(/:\d+$/, "")
    .replace(/\.$/, "");
}

/** What is wrong with a hostname as far as one can see without asking; the server knows the rest. */
export function hostProblem(host: string): string | undefined {
  if (host === "") return "Say which hostname.";
  if (host.startsWith("*.")) return "A wildcard cannot be a domain: add the names one by one.";
  if (!host.includes(".")) return "A single word is no domain: it has at least two parts, such as shop.example.com.";
  if (/^\d+(\.\d+){3}$/.test(host)) return "That is an address, not a name.";
  if (!/^[^\s/@_]+$/.test(host)) return "Letters, digits, hyphens and dots.";
  return undefined;
}
