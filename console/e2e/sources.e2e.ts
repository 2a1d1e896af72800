/** A push becomes a deployment without anybody asking for one; the console says how it was learned of. */

import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { expectAccessible } from "./browser";
import { Platform } from "./platform";
import { tellStories } from "./story";

let platform: Platform;
let page: Page;
let complaints: string[];

tellStories({
  start: () => Platform.start({ repositories: ["static-folder"], hasAdmin: true }),
  begin: async (story) => {
    ({ platform, page, complaints } = story);
    await platform.deploy("static-folder");
  },
});

it("finds a push when it looks, and deploys it", async () => {
  await page.goto(`${platform.console}/projects/static-folder/settings`);
  const branches = page.getByRole("list", { name: "Followed branches" });
  await branches.getByText("the default branch").waitFor();
  await expectAccessible(page, "how it learns of pushes");
  platform.push("static-folder", "index.html", "<h1>Pushed</h1>", "Say it by pushing");
  await page.getByRole("button", { name: "Look now" }).click();
  await page.getByRole("link", { name: "Deployments", exact: true }).first().click();
  const deployed = page.getByRole("list", { name: "Deployments" }).getByRole("listitem").filter({ hasText: "Say it by pushing" });
  await deployed.getByText("Production", { exact: true }).waitFor();
  expect(await platform.visit("static-folder.localhost")).toContain("Pushed");
});

it("shows a webhook's secret once, and asks before it makes another", async () => {
  await page.goto(`${platform.console}/projects/static-folder/settings`);
  await page.getByRole("button", { name: "Make a secret" }).click();
  await page.getByText("The secret; it is not shown again").waitFor();
  await page.getByRole("button", { name: "Make another secret" }).waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Make another secret" }).click();
  expect(await page.getByText("it is not shown again").count(), "the secret is gone").toBe(0);
  await page.getByRole("dialog").getByRole("button", { name: "Make it" }).click();
  await page.getByText("The secret; it is not shown again").waitFor();
  // Whoever is not connected with a provider is told what to do instead.
  await page.getByRole("button", { name: "Do they arrive?" }).click();
  await page.getByRole("status", { name: "Do webhooks arrive?" }).getByText("The project is not connected").waitFor();
  await expectAccessible(page, "what a check came to");
  expect(complaints).toEqual([]);
});
