/** What runs: its log, by slot and by service; that it sleeps when nobody needs it, and is woken by a visit. */

import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { expectAccessible } from "./browser";
import { Platform } from "./platform";
import { tellStories } from "./story";

/** Long enough to be seen awake, short enough to wait for. */
const SLEEP_AFTER_S = 6;

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

it("reads the log of each node that runs replicas of it", async () => {
  const { items } = await platform.call<{ items: { id: string }[] }>("GET", "/deployments?project=node-service&slot=production&limit=1");
  const id = items[0]?.id ?? "";
  // Two machines are not to be had here: the server answers as it would that had a second one.
  await page.route(
    (url) => url.pathname === `/api/v1/deployments/${id}`,
    async (route) => {
      const deployment = (await (await route.fetch()).json()) as object;
      await route.fulfill({ json: { ...deployment, shares: [{ node: "berlin-2", offline: false, status: "healthy", replicas: { service: [2] } }] } });
    },
  );
  await page.route(
    (url) => url.pathname.startsWith(`/api/v1/deployments/${id}/logs`) && url.searchParams.get("node") === "berlin-2",
    async (route) => {
      const line = { number: 1, time: "2026-01-02T03:04:05.678Z", step: "service", stream: "stdout", text: "Said in Berlin" };
      const isStream = new URL(route.request().url()).pathname.endsWith("/stream");
      await route.fulfill(isStream ? { contentType: "text/event-stream", body: 'event: end\ndata: "PRODUCTION"\n\n' } : { json: { lines: [line], next: 1 } });
    },
  );
  await page.goto(`${platform.console}/deployments/${id}`);
  await page.getByRole("list", { name: "On other nodes" }).getByText("service #2").waitFor();
  await page.getByLabel("What it says on the node").selectOption("berlin-2");
  await page.getByRole("log").getByText("Said in Berlin").waitFor();
  await expect.poll(() => page.url()).toContain("node=berlin-2");
  await expectAccessible(page, "the log of a node");
  await page.getByLabel("What it says on the node").selectOption({ index: 0 });
  await page.getByRole("log").getByText("Said in Berlin").waitFor({ state: "detached" });
  await page.getByRole("log").getByText("commit").first().waitFor();
  await page.unrouteAll({ behavior: "ignoreErrors" });
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
  expect(complaints).toEqual([]);
});
