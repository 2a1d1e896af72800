/** What every page owes to everybody: readable, reachable, nothing cut off, nothing complained about. */

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type Watched, expectAccessible, expectClosed, expectTold, expectNoSidewaysScroll, expectReadable, keepFailure, openBrowser, openPage, signIn, watchShifts } from "./browser";
import { SKELETON, type World, pagesOf, startWorld } from "./world";

let world: World;
let browser: Browser;
let last: Page;

beforeAll(async () => {
  world = await startWorld();
  browser = await openBrowser();
});

afterAll(async () => {
  await browser.close();
  await world.platform.stop();
});

afterEach(({ task }) => keepFailure(task, last, world.platform));

async function open(options: Parameters<typeof openPage>[1] = {}): Promise<Watched> {
  const watched = await openPage(browser, options);
  await signIn(watched.context, world.platform);
  last = watched.page;
  return watched;
}

async function show(page: Page, path: string): Promise<void> {
  await page.goto(`${world.platform.console}${path}`);
  await page.locator("main h1, main h2").first().waitFor();
  await expect.poll(() => page.locator(SKELETON).count()).toBe(0);
}

/** Some forty pages, each looked at twice. */
const ALL_PAGES_MS = 900_000;

/** What pages are called good for: https://web.dev/articles/cls. */
const MOVES_AT_MOST = 0.1;

const KINDS = {
  "a desk": {},
  // The narrowest that WCAG 1.4.10 knows.
  "a phone": { viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true },
} as const;

it.each(Object.entries(KINDS))("has no page that hinders anybody, by day and by night, on %s", async (kind, options) => {
  const { page, context, complaints } = await open(options);
  const shiftsOf = await watchShifts(page);
  const moving: string[] = [];
  for (const [name, path] of Object.entries(pagesOf(world))) {
    await show(page, path);
    const { sum, moved } = await shiftsOf();
    if (sum > MOVES_AT_MOST) moving.push(`${name}: ${sum.toFixed(3)}\n${moved.join("\n")}`);
    await expectAccessible(page, `${name} on ${kind}`);
    await page.emulateMedia({ colorScheme: "dark" });
    await expectReadable(page, `${name} on ${kind} by night`);
    await page.emulateMedia({ colorScheme: "light" });
    await expectNoSidewaysScroll(page, `${name} on ${kind}`);
    expect(await page.locator("h1").count(), `${name} has one main heading`).toBe(1);
    expect(await page.title(), name).toMatch(/ · Pierhead$/);
  }
  expect(moving, `what moves on ${kind}`).toEqual([]);
  // The address of nothing is asked for on purpose.
  expect(complaints.filter((it) => !it.includes("404"))).toEqual([]);
  await context.close();
}, ALL_PAGES_MS);

it("does everything by keyboard: search, jump, walk, help", async () => {
  const { page, context } = await open();
  await show(page, "/projects");
  const focused = () => page.evaluate(() => document.activeElement?.textContent);
  await page.keyboard.press("j");
  await expect.poll(focused).toBe("broken");
  await page.keyboard.press("j");
  await expect.poll(focused).toBe("node-service");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "node-service" }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("e");
  await page.getByRole("heading", { level: 1, name: "Environments" }).waitFor();

  await page.keyboard.press("Control+k");
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("combobox").waitFor();
  await expectAccessible(page, "palette");
  await page.keyboard.type("opening hours");
  await dialog.getByRole("option", { name: /static-folder/, selected: true }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: /static-folder v/ }).waitFor();

  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await expectAccessible(page, "shortcuts");
  await page.keyboard.press("Escape");
  await expectClosed(page);
  await page.keyboard.press("/");
  await page.getByLabel("Search the log").and(page.locator(":focus")).waitFor();
  await page.keyboard.type("commit");
  await expect.poll(() => page.url()).toContain("q=commit");
  await context.close();
});

it("tells why a build failed, harmlessly, and where to change it", async () => {
  const { page, context, complaints } = await open();
  let hasAlerted = false;
  page.on("dialog", (dialog) => {
    hasAlerted = true;
    void dialog.dismiss();
  });
  await show(page, `/deployments/${world.failed}`);
  const card = page.getByRole("region", { name: "Why it failed" });
  await card.getByText("Cannot find the picture").waitFor();
  expect(await card.innerText()).toContain("exit code 1");
  await page.getByRole("log").getByText("<img src=x onerror=alert(1)> is only text").waitFor();
  await card.getByRole("link", { name: "Change it in the settings" }).click();
  await page.getByLabel("Build command", { exact: true }).waitFor();
  expect(hasAlerted).toBe(false);
  expect(complaints).toEqual([]);
  await context.close();
});

it("saves variables together, and keeps one's changes when somebody else was faster", async () => {
  const { page, context } = await open();
  const { platform } = world;
  await show(page, "/projects/vite-react/variables");
  await page.getByRole("button", { name: "Paste .env" }).click();
  await page.getByLabel("Its contents").fill('GREETING="Good morning"\nAPI_TOKEN=very-secret\n');
  await expectAccessible(page, "paste");
  await page.getByRole("button", { name: "Take 2 variables" }).click();
  await expectAccessible(page, "variables with changes");

  await platform.call("PUT", "/projects/vite-react/variables/THEIRS", { value: "1", secret: false, exposure: "runtime" });
  await page.getByRole("button", { name: "Review" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Somebody else changed the variables meanwhile").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
  await expectTold(page, "The variables are saved");

  const { items } = await platform.call<{ items: { key: string; value: string | null; secret: boolean }[] }>("GET", "/projects/vite-react/variables");
  expect(items.map(({ key, value, secret }) => [key, value, secret])).toEqual([
    ["API_TOKEN", null, true],
    ["GREETING", "Good morning", false],
    ["THEIRS", "1", false],
  ]);
  await context.close();
});
