/** The master key is exchanged while everything runs; what was sealed before is still opened. */

import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { expectAccessible, expectClosed } from "./browser";
import { Platform } from "./platform";
import { tellStories } from "./story";

let platform: Platform;
let page: Page;
let complaints: string[];

tellStories({
  start: () => Platform.start({ repositories: [], hasAdmin: true }),
  begin: (story) => void ({ platform, page, complaints } = story),
});

it("exchanges the master key, and seals with a new one from then on", async () => {
  const before = await platform.call<{ master: string; data_keys: object[] }>("GET", "/keys");
  await page.goto(`${platform.console}/keys`);
  const list = page.getByRole("list", { name: "Keys of data" }).getByRole("listitem");
  await page.getByText(before.master).first().waitFor();
  await expect.poll(() => list.count()).toBe(before.data_keys.length);
  await expectAccessible(page, "keys");
  await page.getByRole("button", { name: "Exchange it" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Exchange it" }).click();
  await expectClosed(page);
  await expect.poll(() => list.count()).toBe(before.data_keys.length + 1);
  const after = await platform.call<{ master: string; data_keys: object[] }>("GET", "/keys");
  expect(after.master).not.toBe(before.master);
  await page.getByText(after.master).first().waitFor();
  expect(await page.content(), "the one before is named no more").not.toContain(before.master);
  expect(complaints).toEqual([]);
});
