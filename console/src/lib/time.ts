/** Times for people: relative to read, absolute to check. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const UNITS: [limit: number, size: number, unit: string][] = [
  [MINUTE, SECOND, "s"],
  [HOUR, MINUTE, "m"],
  [DAY, HOUR, "h"],
  [30 * DAY, DAY, "d"],
  [365 * DAY, 30 * DAY, "mo"],
  [Infinity, 365 * DAY, "y"],
];

/** `12s ago`, `in 3d`; `now` within five seconds. */
export function timeAgo(at: string | number, now: number): string {
  const distance = new Date(at).getTime() - now;
  const size = Math.abs(distance);
  if (Number.isNaN(size)) return "at an unknown time";
  if (size < 5 * SECOND) return "now";
  const [, unitSize, unit] = UNITS.find(([limit]) => size < limit) ?? [Infinity, 365 * DAY, "y"];
  const amount = `${Math.floor(size / unitSize)}${unit}`;
  return distance < 0 ? `${amount} ago` : `in ${amount}`;
}

/** How long until the text of `timeAgo` changes, in milliseconds. */
export function nextTick(at: string | number, now: number): number {
  const size = Math.abs(new Date(at).getTime() - now);
  if (size < MINUTE) return SECOND;
  return size < HOUR ? 20 * SECOND : 5 * MINUTE;
}

/** Local time and UTC, to the second. */
export function absoluteTime(at: string | number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return String(at);
  const local = date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
  return `${local} (${date.toISOString().replace(/\.\d+Z$/, "Z")})`;
}

/** `0 ms`, `740 ms`, `4.2 s`, `1 m 08 s`, `2 h 05 m`. */
export function duration(ms: number): string {
  if (ms < SECOND) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10 * SECOND) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const seconds = Math.floor(ms / SECOND);
  if (seconds < 60) return `${seconds} s`;
  if (ms < HOUR) return `${Math.floor(seconds / 60)} m ${pad(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${pad(Math.floor((seconds % 3600) / 60))} m`;
}

/** `14:03:09.120`, local. */
export function clock(at: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "";
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(":");
  return `${parts}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

/** `2 d 4 h`, `3 h 20 m`, `12 m`, `under a minute`: as much as somebody plans with. */
export function remaining(ms: number): string {
  if (ms < MINUTE) return "under a minute";
  const [days, hours, minutes] = [Math.floor(ms / DAY), Math.floor((ms % DAY) / HOUR), Math.floor((ms % HOUR) / MINUTE)];
  if (days > 0) return hours > 0 ? `${days} d ${hours} h` : `${days} d`;
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} m` : `${hours} h`;
  return `${minutes} m`;
}
