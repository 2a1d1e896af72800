/** `https://github.com/team/shop.git` as people say it: `github.com/team/shop`. */
export function repositoryName(address: string): string {
  return address
    .replace(/^[a-z+]+:\/\//i, "")
    .replace(/^[^/@]+@/, "")
    .replace(/\.git\/?$/, "")
    .replace(/\/$/, "");
}

/** A name for a project of this repository, as a hostname allows it. */
export function projectNameFor(address: string, rootDirectory: string): string {
  const source = rootDirectory.replace(/^[./]+|\/+$/g, "") || repositoryName(address.trim());
  const last = source.split(/[/:]/).filter(Boolean).at(-1) ?? "";
  return last
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40)
    .replace(/-+$/, "");
}

/** What people paste, as an address the server takes: it wants `https://` or `ssh://`. */
export function repositoryAddress(pasted: string): string {
  const address = pasted.trim();
  const [, user, host, path] = /^(?:([\w.-]+)@)?([\w.-]+):(?!\/\/)([^\s]+)$/.exec(address) ?? [];
  if (user !== undefined && host !== undefined && path !== undefined) return `ssh://${user}@${host}/${path}`;
  if (/^[\w-]+(\.[\w-]+)+\//.test(address)) return `https://${address}`;
  return address;
}
