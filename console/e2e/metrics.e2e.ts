/** Figures over time: nothing at first, then what visitors asked for; looked at closer with the mouse, with buttons and with keys. */

import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { expectAccessible, expectNoSidewaysScroll } from "./browser";
import { Platform } from "./platform";
import { tellStories } from "./story";

const VISITS = 24;

let platform: Platform;
let page: Page;
let complaints: string[];

tellStories({
  start: () => Platform.start({ repositories: ["node-service"], hasAdmin: true }),
  begin: async (story) => {
    ({ platform, page, complaints } = story);
    await platform.deploy("node-service");
  },
});

const chart = (title: string) => page.getByRole("region", { name: title, exact: true });

it("says where to visit when nobody did, and shows what the service needs", async () => {
  await page.goto(`${platform.console}/projects/node-service`);
  await page.getByRole("heading", { level: 1, name: "node-service" }).waitFor();
  await page.keyboard.press("m");
  await page.getByRole("heading", { name: "No traffic in this time" }).waitFor();
  await page.locator("main").getByRole("link", { name: /^http:\/\/node-service\.localhost/ }).waitFor();
  await chart("Memory").getByRole("img", { name: /MB last.*limit 512 MB/ }).waitFor();
  await page.getByText("Went live:").waitFor();
  await expectAccessible(page, "figures without traffic");
});

it("shows exactly what was asked, without anybody reloading", async () => {
  for (let visit = 0; visit < VISITS; visit += 1) await platform.visit("node-service.localhost", visit % 4 === 0 ? "/nowhere" : "/");
  await chart("Requests").getByRole("img", { name: /2xx .* at most/ }).waitFor();
  await chart("Time to answer").getByRole("img", { name: /p99 .* ms last/ }).waitFor();
  const asked = async () => (await platform.call<{ requests: { totals: { requests: number } } }>("GET", "/projects/node-service/metrics?since=1h")).requests.totals.requests;
  await expect.poll(asked).toBe(VISITS);
  await expectAccessible(page, "figures");

  await page.getByRole("button", { name: "Requests as a table" }).click();
  const table = page.getByRole("region", { name: "Requests, figures" }).getByRole("table");
  await table.getByRole("columnheader", { name: "2xx" }).waitFor();
  expect(await table.getByRole("row").count()).toBeGreaterThan(100);
  await expectAccessible(page, "figures as a table");
  await page.getByRole("button", { name: "Requests as a table" }).click();
});

it("is looked at closer by dragging, by buttons and by keys", async () => {
  const range = page.getByRole("group", { name: "Time" });
  await page.keyboard.press("]");
  await range.getByRole("button", { name: "6h", pressed: true }).waitFor();
  await expect.poll(() => page.url()).toContain("range=6h");
  await page.keyboard.press("[");
  await range.getByRole("button", { name: "1h", pressed: true }).waitFor();

  const over = chart("Requests").locator(".u-over");
  await over.scrollIntoViewIfNeeded();
  const box = await over.boundingBox();
  if (box === null) throw new Error("The chart has no place.");
  // One cursor for all charts.
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2);
  await expect.poll(() => chart("CPU").getByText("now").count()).toBe(0);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, box.y + box.height / 2, { steps: 8 });
  await page.mouse.up();
  await expect.poll(() => page.url()).toMatch(/from=\d+&to=\d+/);
  const dragged = page.url();
  await page.getByRole("button", { name: "Zoom in" }).click();
  await expect.poll(() => page.url()).not.toBe(dragged);
  const zoomed = page.url();
  await page.getByRole("button", { name: "Earlier" }).click();
  await expect.poll(() => page.url()).not.toBe(zoomed);
  await page.getByRole("button", { name: "Zoom out" }).click();
  await range.getByRole("button", { name: "15m" }).click();
  await expect.poll(() => page.url()).toMatch(/range=15m$/);
});

it("stands in short on the project's page, and on the node's", async () => {
  await page.goto(`${platform.console}/projects/node-service`);
  const short = page.locator("section").filter({ has: page.getByRole("heading", { name: "The last hour" }) });
  await short.getByText(String(VISITS), { exact: true }).waitFor();
  await short.getByRole("img", { name: "Requests per second over the last hour" }).waitFor();
  await page.goto(`${platform.console}/nodes/local`);
  await chart("CPU").getByRole("img", { name: /cores? last/ }).waitFor();
  await chart("Memory").getByRole("img", { name: /limit/ }).waitFor();
  await expectAccessible(page, "figures of a node");
  expect(complaints).toEqual([]);
});

it("fits a phone", async () => {
  await page.setViewportSize({ width: 320, height: 640 });
  await page.goto(`${platform.console}/projects/node-service/metrics?range=15m`);
  await chart("Requests").getByRole("img", { name: /2xx/ }).waitFor();
  await expectNoSidewaysScroll(page, "figures");
  await expectAccessible(page, "figures on a phone");
});
