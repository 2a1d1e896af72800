/** The master key is exchanged while everything runs; what was sealed before is still opened. */

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type Watched, expectAccessible, expectClosed, keepFailure, openBrowser, openPage, signIn } from "./browser";
import { Platform } from "./platform";

let platform: Platform;
let browser: Browser;
let watched: Watched;
let page: Page;

beforeAll(async () => {
  platform = await Platform.start({ repositories: [], hasAdmin: true });
  browser = await openBrowser();
  watched = await openPage(browser);
  await signIn(watched.context, platform);
  page = watched.page;
});

afterAll(async () => {
  await browser.close();
  await platform.stop();
});

afterEach(({ task }) => keepFailure(task, page, platform));

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
  expect(watched.complaints).toEqual([]);
});
