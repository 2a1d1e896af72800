/** What to do about each reason for which a node is not simply online. */
const NEXT: Record<string, string> = {
  unreachable:
    "If it was refused, nothing listens there or a firewall says no; if nothing answered, a route is missing. Check that its agent runs, and that its port is open to this server.",
  not_an_agent: "Something else answers at this address. Check the port.",
  wrong_token: "Its agent was started with another token. Rotate the token and start it with the new one.",
  token_revoked: "Its token was taken away. Rotate the token and start its agent with the new one.",
  not_ours: "Its agent belongs to another install. Start it with an empty data directory.",
  incompatible: "Its version and this server's do not fit together. Install the same version on both.",
};

/** Where there is room for one line only. */
const SHORT: Record<string, string> = {
  unreachable: "Cannot be reached",
  not_an_agent: "Something else answers at its address",
  wrong_token: "Its agent has another token",
  token_revoked: "Its token was revoked",
  certificate_changed: "Shows another certificate: open it to compare",
  not_ours: "Its agent belongs to another install",
  incompatible: "Its version does not fit",
};

export function inShort({ code, detail }: { code: string; detail: string }): string {
  return SHORT[code] ?? detail;
}

export function nextFor(code: string): string | null {
  return NEXT[code] ?? null;
}
