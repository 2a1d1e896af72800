/** Ten thousand of something: only what is in sight is in the page, and the keyboard still gets to all of it. */

import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { expectAccessible } from "./browser";
import { Platform } from "./platform";
import { tellStories } from "./story";

const ALL = 10_000;
const PER_PAGE = 1000;
/** Far more than fit a window, far fewer than there are. */
const ROWS_AT_MOST = 80;

let platform: Platform;
let page: Page;

tellStories({
  start: () => Platform.start({ repositories: ["static-folder"], hasAdmin: true }),
  begin: async (story) => {
    ({ platform, page } = story);
    await platform.deploy("static-folder");
  },
});

/** What the server would answer that had so many: the one that it has, again and again under other names. */
async function multiply<T extends object>(path: string, itemAt: (one: T, index: number) => T): Promise<void> {
  const { items } = await platform.call<{ items: T[] }>("GET", `/${path}?limit=1`);
  const [one] = items;
  if (one === undefined) throw new Error(`There is nothing at ${path}.`);
  await page.route(
    (url) => url.pathname === `/api/v1/${path}`,
    async (route) => {
      const from = Number(new URL(route.request().url()).searchParams.get("cursor") ?? 0);
      const to = Math.min(ALL, from + PER_PAGE);
      const part = Array.from({ length: to - from }, (_, index) => itemAt(one, from + index));
      await route.fulfill({ json: { items: part, next_cursor: to === ALL ? null : String(to) } });
    },
  );
}

async function scrollToTheEnd(list: string): Promise<void> {
  const rows = page.getByRole("list", { name: list }).getByRole("listitem");
  const height = () => page.evaluate(() => document.documentElement.scrollHeight);
  await expect
    .poll(
      async () => {
        await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
        expect(await rows.count()).toBeLessThan(ROWS_AT_MOST);
        return height();
      },
      { timeout: 120_000, interval: 100 },
    )
    .toBeGreaterThan(ALL * 40);
}

it("walks ten thousand projects", async () => {
  await multiply<{ id: string; name: string }>("projects", (one, index) => ({ ...one, id: `${one.id}-${index}`, name: `project-${index}` }));
  await page.goto(`${platform.console}/projects`);
  await page.getByRole("link", { name: "project-0", exact: true }).waitFor();
  const list = page.getByRole("list", { name: "Projects", exact: true });
  await expect.poll(() => list.getByRole("listitem").count()).toBeLessThan(ROWS_AT_MOST);
  await expectAccessible(page, "ten thousand projects");
  // One after the other, beyond what was there at first.
  for (let pressed = 0; pressed <= ROWS_AT_MOST; pressed += 1) {
    await page.keyboard.press("j");
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe(`project-${pressed}`);
  }

  await scrollToTheEnd("Projects");
  // Rows are measured as they come, so the end is where it is after some of them were.
  const last = page.getByRole("link", { name: `project-${ALL - 1}`, exact: true });
  await expect
    .poll(async () => {
      await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
      return last.count();
    })
    .toBe(1);
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.getByRole("link", { name: "project-0", exact: true }).waitFor();
});

it("walks ten thousand deployments, and they move where they are", async () => {
  await page.unrouteAll();
  const { items } = await platform.call<{ items: { id: string }[] }>("GET", "/deployments?limit=1");
  const live = items[0]?.id ?? "";
  await multiply<{ id: string; number: number }>("deployments", (one, index) => (index === 0 ? one : { ...one, id: `d${index}`, number: index }));
  let asked = 0;
  page.on("request", (request) => (asked += new URL(request.url()).pathname === "/api/v1/deployments" ? 1 : 0));
  await page.goto(`${platform.console}/deployments`);
  await page.getByRole("link", { name: /^static-folder v1/ }).first().waitFor();
  await scrollToTheEnd("Deployments");
  await page.evaluate(() => window.scrollTo(0, 0));
  const first = page.getByRole("list", { name: "Deployments" }).getByRole("listitem").filter({ has: page.locator(`a[href$="/${live}"]`) });
  await first.getByText("Production", { exact: true }).waitFor();
  const before = asked;
  // Another takes its place: its state changes without ten thousand being read again.
  await platform.deploy("static-folder");
  await first.getByText("Inactive", { exact: true }).waitFor();
  expect(asked, "pages that were read again").toBe(before);
});
