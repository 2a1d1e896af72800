/** A hundred thousand lines: read, followed, searched, linked to, without the page growing slow. */

import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { type Deployed, Platform } from "./platform";
import { tellStories } from "./story";

const LINES = 100_000;
/** What the screen needs, and some above and below it. */
const MOST_ROWS = 150;

let platform: Platform;
let page: Page;
let deployed: Deployed;

tellStories({
  start: () => Platform.start({ repositories: ["chatty"], hasAdmin: true }),
  begin: async (story) => {
    ({ platform, page } = story);
    deployed = await platform.deploy("chatty");
  },
});

const line = (number: number) => page.getByRole("log").locator(`a[data-number="${number}"]`);

it("shows the end of a long log, and as many rows as fit", async () => {
  expect(deployed.state).toBe("PRODUCTION");
  await page.goto(`${platform.console}/deployments/${deployed.id}`);
  await page.getByText(new RegExp(`^${LINES.toString().slice(0, 3)}\\d{3} lines$`)).waitFor();
  await page.getByRole("log").getByText(`src/module-${LINES}.ts`).waitFor();
  expect(await page.getByRole("log").locator("a[data-number]").count()).toBeLessThan(MOST_ROWS);
});

it("scrolls through all of it without long pauses", async () => {
  const [still, scrolling] = await page.getByRole("log").evaluate(async (element) => {
    const steps = 60;
    const medianFrame = async (move: (step: number) => void) => {
      const times: number[] = [];
      let before = performance.now();
      for (let step = steps; step >= 0; step -= 1) {
        move(step);
        await new Promise((resolve) => requestAnimationFrame(resolve));
        const now = performance.now();
        times.push(now - before);
        before = now;
      }
      return times.toSorted((a, b) => a - b)[steps / 2] ?? 0;
    };
    const still = await medianFrame(() => undefined);
    return [still, await medianFrame((step) => (element.scrollTop = (element.scrollHeight * step) / steps))] as const;
  });
  // Whole screens are replaced here. What else the machine does is in the frames of the page that stands still.
  expect(scrolling).toBeLessThan(Math.max(50, 4 * still));
  await line(1).waitFor();
  await page.getByText("Paused: scroll to the end to follow").waitFor();
});

it("finds, counts and walks over hits, and comes back to the end", async () => {
  await page.getByLabel("Search the log").fill("milestone");
  await page.getByText("10", { exact: true }).first().waitFor();
  await page.keyboard.press("Enter");
  await page.getByText("1 of 10").waitFor();
  await page.getByRole("log").getByText("src/module-10000.ts").waitFor();
  await page.getByRole("button", { name: "Only hits" }).click();
  await expect.poll(() => page.getByRole("log").locator("a[data-number]").count()).toBe(10);
  await page.getByLabel("Search the log").press("Escape");
  await page.getByRole("button", { name: /Follow|new line/ }).click();
  await page.getByRole("log").getByText(`src/module-${LINES}.ts`).waitFor();
});

it("opens at the lines that a link points at", async () => {
  const other = await page.context().newPage();
  await other.goto(`${platform.console}/deployments/${deployed.id}#L50000-L50003`);
  await other.getByRole("log").locator('a[data-number="50003"]').waitFor();
  await other.getByRole("log").locator('a[data-number="50010"]').click();
  await expect.poll(() => other.url()).toMatch(/#L50010$/);
  await other.getByRole("log").locator('a[data-number="50012"]').click({ modifiers: ["Shift"] });
  await expect.poll(() => other.url()).toMatch(/#L50010-L50012$/);
  await other.close();
});

it("keeps long lines in view when they are wrapped", async () => {
  await page.getByRole("button", { name: "Wrap long lines" }).click();
  await page.getByRole("log").getByText(`src/module-${LINES}.ts`).waitFor();
  await expect.poll(() => page.getByRole("log").evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
});
