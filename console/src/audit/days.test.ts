import { expect, it } from "vitest";
import { asAsked } from "./days";

const local = (year: number, month: number, day: number) => new Date(year, month - 1, day).toISOString();

it.each([
  ["both days are included", { since: "2026-11-20", until: "2026-11-20" }, { since: local(2026, 11, 20), until: local(2026, 11, 21) }],
  ["a month ends", { until: "2026-12-31" }, { since: undefined, until: local(2027, 1, 1) }],
  ["nothing is said", {}, { since: undefined, until: undefined }],
  ["an address was mended by hand", { since: "yesterday", until: "2026-1-1" }, { since: undefined, until: undefined }],
  ["the rest stays", { actor: "ada", project: "shop" }, { actor: "ada", project: "shop", since: undefined, until: undefined }],
])("%s", (_, filter, asked) => {
  expect(asAsked(filter)).toEqual(asked);
});
