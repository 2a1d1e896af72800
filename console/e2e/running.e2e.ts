/** What runs: its log, by slot and by service; that it sleeps when nobody needs it, and is woken by a visit. */

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type Watched, expectAccessible, keepFailure, openBrowser, openPage, signIn } from "./browser";
import { Platform } from "./platform";

/** Long enough to be seen awake, short enough to wait for. */
const SLEEP_AFTER_S = 6;

let platform: Platform;
let browser: Browser;
let watched: Watched;
let page: Page;

beforeAll(async () => {
  platform = await Platform.start({ repositories: ["node-service"], hasAdmin: true });
  await platform.deploy("node-service");
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

it("shows what is live as it speaks, slot by slot", async () => {
  await page.goto(`${platform.console}/projects/node-service`);
  await page.getByRole("heading", { level: 1, name: "node-service" }).waitFor();
  await page.keyboard.press("l");
  const log = page.getByRole("log");
  await log.getByText("commit").first().waitFor();
  expect(await page.getByLabel("Slot").count(), "there is only one").toBe(0);
  await expectAccessible(page, "logs of a project");

  const { id } = await platform.deploy("node-service", "qa");
  await page.reload();
  await page.getByLabel("Slot").selectOption("qa");
  await expect.poll(() => page.url()).toContain("slot=qa");
  await page.locator(`main a[href$="/deployments/${id}"]`).waitFor();
  await log.getByText("commit").first().waitFor();
});

it("says that it sleeps and what that gives back, and wakes up by a visit", async () => {
  await platform.call("PATCH", "/projects/node-service", { sleep_after_s: SLEEP_AFTER_S });
  await page.goto(`${platform.console}/projects/node-service`);
  const note = page.getByRole("region", { name: "Asleep" });
  await note.getByText(/the memory that they had, at most \d+ MB, is free for others/).waitFor();
  await expectAccessible(page, "a service that sleeps");
  const address = (await note.getByRole("link", { name: "Wake it by a visit" }).getAttribute("href")) ?? "";
  expect(new URL(address).hostname).toBe("node-service.localhost");
  // Once awake it stays so: nobody has to look quickly.
  await platform.call("PATCH", "/projects/node-service", { sleep_after_s: 86_400 });
  expect(await platform.visit("node-service.localhost")).not.toBe("");
  // Nobody reloads.
  await note.waitFor({ state: "detached" });
  expect(watched.complaints).toEqual([]);
});
