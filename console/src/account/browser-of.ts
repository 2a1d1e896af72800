/** `Firefox on Linux`, from what a browser calls itself. The rest of it is of no use to anybody. */
export function browserOf(agent: string | null): string {
  if (agent === null || agent === "") return "An unknown program";
  const browser = BROWSERS.find(([mark]) => agent.includes(mark))?.[1];
  const system = SYSTEMS.find(([mark]) => agent.includes(mark))?.[1];
  if (browser === undefined) return agent.split(/[\s/]/, 1)[0] ?? agent;
  return system === undefined ? browser : `${browser} on ${system}`;
}

/** The first that fits: nearly all of them also call themselves by the names of others. */
const BROWSERS = [
  ["Edg/", "Edge"],
  ["OPR/", "Opera"],
  ["Firefox/", "Firefox"],
  ["Chrome/", "Chrome"],
  ["Safari/", "Safari"],
] as const;
const SYSTEMS = [
  ["Android", "Android"],
  ["iPhone", "iOS"],
  ["iPad", "iOS"],
  ["Windows", "Windows"],
  ["Mac OS", "macOS"],
  ["Linux", "Linux"],
] as const;
