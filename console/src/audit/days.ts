import type { AuditFilter } from "@/teams/queries";

/** A filter as the server wants it: from the first moment of a day on, and before the first moment of the day after. */
export function asAsked({ since, until, ...rest }: AuditFilter): AuditFilter {
  return { ...rest, since: momentOf(since, 0), until: momentOf(until, 1) };
}

/** A day begins where the reader is. */
function momentOf(day: string | undefined, later: number): string | undefined {
  const [, year, month, date] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day ?? "") ?? [];
  if (year === undefined) return undefined;
  const moment = new Date(Number(year), Number(month) - 1, Number(date) + later);
  return Number.isNaN(moment.getTime()) ? undefined : moment.toISOString();
}
