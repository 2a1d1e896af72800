/** What everybody comes for: from nothing to a live URL, a change, and back. */

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type Watched, expectAccessible, keepFailure, openBrowser, openPage } from "./browser";
import { Platform } from "./platform";

let platform: Platform;
let browser: Browser;
let watched: Watched;

beforeAll(async () => {
  platform = await Platform.start({ repositories: ["static-folder"], hasAdmin: false });
  browser = await openBrowser();
  watched = await openPage(browser);
});

afterAll(async () => {
  await browser.close();
  await platform.stop();
});

afterEach(({ task }) => keepFailure(task, watched.page, platform));

it("sets up, deploys a repository, deploys a push, and rolls back", async () => {
  const { page, complaints } = watched;

  await page.goto(platform.setupLink);
  await page.getByLabel("E-mail").waitFor();
  expect(page.url(), "the token stays in no history").not.toContain("token");
  await expectAccessible(page, "set-up");
  await page.getByLabel("E-mail").fill(platform.admin.email);
  await page.getByLabel("Password").fill(platform.admin.password);
  await page.getByRole("button", { name: "Make the administrator" }).click();

  await page.getByLabel("Repository").fill(platform.repository("static-folder"));
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByRole("button", { name: "Deploy", exact: true }).waitFor();
  await expectAccessible(page, "plan");
  expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("static-folder");
  await page.getByRole("button", { name: "Deploy", exact: true }).click();

  const live = page.getByRole("status", { name: "It is live" });
  await live.waitFor();
  await expectAccessible(page, "live");
  const address = await live.getByRole("link", { name: "Open" }).getAttribute("href");
  expect(address).toMatch(/^http:\/\/static-folder\.localhost:/);
  expect(await platform.visit("static-folder.localhost")).toContain("Pierhead example: static-folder");
  await page.getByRole("log").getByText("commit").first().waitFor();

  await live.getByRole("link", { name: "To the project" }).click();
  await page.getByRole("heading", { level: 1, name: "static-folder", exact: true }).waitFor();
  platform.push("static-folder", "index.html", "<h1>The second version</h1>", "Say it differently");
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Deploy", exact: true }).click();
  await page.getByRole("heading", { name: /static-folder v2/ }).waitFor();
  // Nobody reloads: the state comes by itself.
  await page.getByRole("heading", { name: /static-folder v2 Production/ }).waitFor();
  await page.getByText("Say it differently").first().waitFor();
  expect(await platform.visit("static-folder.localhost")).toContain("The second version");

  await page.getByRole("link", { name: "static-folder", exact: true }).click();
  await page.getByRole("button", { name: "Roll back" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("row", { name: /Commit/ }).getByText("Say it differently").waitFor();
  await expectAccessible(page, "roll back");
  await dialog.getByRole("button", { name: "Roll back to v1" }).click();
  await page.getByRole("heading", { name: /static-folder v3 Production/ }).waitFor();
  expect(await platform.visit("static-folder.localhost")).toContain("Pierhead example: static-folder");

  expect(complaints).toEqual([]);
  // One cookie, which no page can read and no site on a sibling hostname can overwrite.
  const cookies = await watched.context.cookies();
  expect(cookies.map(({ name }) => name)).toEqual(["__Host-pierhead"]);
  expect(cookies[0]).toMatchObject({ httpOnly: true, secure: true, sameSite: "Lax", path: "/" });
});

it("signs out and in again, and goes on where one wanted to go", async () => {
  const { page } = watched;
  await page.goto(`${platform.console}/account/profile`);
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("heading", { name: "Sign in to Pierhead" }).waitFor();
  await expectAccessible(page, "sign in");

  await page.goto(`${platform.console}/projects/static-folder/deployments`);
  await page.getByLabel("E-mail").fill(platform.admin.email);
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Password").fill(platform.admin.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("list", { name: "Deployments" }).getByRole("link", { name: /^v3/ }).first().waitFor();
  expect(page.url()).toBe(`${platform.console}/projects/static-folder/deployments`);
});
