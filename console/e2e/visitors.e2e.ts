/** Who may visit a project is said in its settings, and holds at once for what is deployed already. */

import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { expectAccessible, expectForgotten, expectTold } from "./browser";
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

const isOpen = async () => (await platform.visit("static-folder.localhost")).includes("Pierhead example: static-folder");

it("asks strangers for a password, and everybody for nothing again", async () => {
  expect(await isOpen()).toBe(true);
  await page.goto(`${platform.console}/projects/static-folder/settings`);
  const form = page.locator("form#visitors");
  await form.getByLabel("Production is for").selectOption("Who knows a password");
  await form.getByLabel("Requests of one address").fill("many");
  await form.getByText("A whole number").waitFor();
  await form.getByLabel("Requests of one address").fill("600");
  await form.getByRole("button", { name: "Save" }).click();
  await page.getByText("There is none yet").waitFor();
  await expect.poll(isOpen).toBe(false);

  const passwords = page.locator("section").filter({ has: page.getByRole("heading", { name: "Passwords of visitors" }) });
  await passwords.getByLabel("Name", { exact: true }).fill("guest");
  await passwords.getByLabel(/^Password, at least/).fill("harbour lights at night");
  await expectAccessible(page, "who may visit");
  await passwords.getByRole("button", { name: "Add it" }).click();
  await passwords.getByRole("listitem").filter({ hasText: "guest" }).waitFor();
  await expectForgotten(page, "harbour lights");
  expect(await platform.call("GET", "/projects/static-folder/visitors")).toMatchObject({ production: "password", previews: "public", rate_limit: { per_minute: 600 }, passwords: [{ name: "guest" }] });

  await passwords.getByRole("button", { name: "Take the password of guest away" }).click();
  await page.getByText("There is none yet").waitFor();
  await form.getByLabel("Production is for").selectOption("Everybody");
  await form.getByLabel("Requests of one address").fill("");
  await form.getByRole("button", { name: "Save" }).click();
  await expectTold(page, "Saved. It holds within seconds.");
  await expect.poll(isOpen).toBe(true);
  expect(await platform.call("GET", "/projects/static-folder/visitors")).toMatchObject({ production: "public", rate_limit: null });
  expect(complaints).toEqual([]);
});
