/** Somebody is invited, joins with a link that is good once, and sees exactly what the grant allows. */

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { expectAccessible, expectClosed, keepFailure, openBrowser, openPage, signIn } from "./browser";
import { Platform } from "./platform";

let platform: Platform;
let browser: Browser;
/** The owner. */
let ada: Page;
/** Whoever was invited. */
let grace: Page;
let link: string;

beforeAll(async () => {
  platform = await Platform.start({ repositories: ["static-folder"], hasAdmin: true });
  await platform.deploy("static-folder");
  await platform.call("POST", "/projects", { name: "secret" });
  browser = await openBrowser();
  const watched = await openPage(browser);
  await signIn(watched.context, platform);
  ada = watched.page;
  grace = (await openPage(browser)).page;
});

afterAll(async () => {
  await browser.close();
  await platform.stop();
});

afterEach(({ task }) => keepFailure(task, task.name.includes("sees") ? grace : ada, platform));

it("makes a team, invites somebody, and grants the team a project", async () => {
  await ada.goto(`${platform.console}/teams`);
  await ada.getByRole("button", { name: "New team" }).click();
  await ada.getByLabel("Name").fill("storefront");
  await ada.getByRole("button", { name: "Make it" }).click();
  await ada.getByRole("heading", { level: 1, name: "storefront" }).waitFor();
  await ada.getByRole("button", { name: "Invite", exact: true }).click();
  const dialog = ada.getByRole("dialog");
  await dialog.getByLabel("E-mail").fill("grace@example.com");
  await expectAccessible(ada, "inviting");
  await dialog.getByRole("button", { name: "Invite", exact: true }).click();
  link = await dialog.locator("code").innerText();
  expect(link).toContain("/console/invitation#");
  await dialog.getByRole("button", { name: "Done" }).click();
  await expectClosed(ada);
  await ada.getByRole("list", { name: "Open invitations" }).getByText("grace@example.com").waitFor();
  expect(await ada.content(), "the link is shown once").not.toContain(link.split("#")[1]);
  await expectAccessible(ada, "a team");

  await ada.goto(`${platform.console}/projects/static-folder/access`);
  await ada.getByLabel("Team", { exact: true }).selectOption("storefront");
  await ada.getByRole("button", { name: "Let it see the project" }).click();
  await ada.getByLabel("storefront: See it").and(ada.locator(":checked")).waitFor();
  await expectAccessible(ada, "grants");
});

it("sees what was granted, and nothing else", async () => {
  await grace.goto(link);
  await grace.getByRole("heading", { name: "You are invited into storefront" }).waitFor();
  expect(grace.url(), "the token stays in no history").not.toContain("#");
  await expectAccessible(grace, "an invitation");
  await grace.getByLabel("Name").fill("Grace");
  await grace.getByLabel("Password").fill("battery staple correct");
  await grace.getByRole("button", { name: "Make the account and join" }).click();
  await grace.getByRole("heading", { level: 1, name: "Home" }).waitFor();

  await grace.goto(`${platform.console}/projects`);
  const projects = grace.getByRole("list", { name: "Projects" });
  await projects.getByRole("link", { name: "static-folder", exact: true }).waitFor();
  expect(await projects.getByText("secret").count(), "what is not granted is not there").toBe(0);
  await grace.goto(`${platform.console}/projects/secret`);
  await grace.getByText("There is no such page").waitFor();

  await grace.goto(`${platform.console}/projects/static-folder`);
  await grace.getByRole("button", { name: "Deploy" }).click();
  const dialog = grace.getByRole("dialog");
  await dialog.getByRole("button", { name: "Deploy" }).click();
  await dialog.getByRole("alert").getByText("It was not deployed").waitFor();
  // They lie behind the dialog.
  const parts = await grace.locator('nav[aria-label="Parts of the project"] a').allInnerTexts();
  expect(parts).toContain("Logs");
  expect(parts, "what one may not do is not offered").not.toContain("Terminal");

  const other = (await openPage(browser)).page;
  await other.goto(link);
  await other.getByRole("heading", { name: "This invitation is no good any more" }).waitFor();
});

it("may deploy from the moment on at which it is granted, and sees it no more when it is taken back", async () => {
  await ada.getByLabel("storefront: Change and deploy it").click();
  await ada.getByLabel("storefront: Change and deploy it").and(ada.locator(":checked:enabled")).waitFor();
  await grace.getByRole("dialog").getByRole("button", { name: "Deploy" }).click();
  await grace.getByRole("heading", { level: 1, name: /static-folder v2/ }).waitFor();
  await grace.getByRole("heading", { level: 1, name: /Production/ }).waitFor();
  await grace.goto(`${platform.console}/projects/static-folder`);
  await grace.getByRole("navigation", { name: "Parts of the project" }).getByRole("link", { name: "Terminal" }).waitFor();

  await ada.getByRole("button", { name: "Take the grant of storefront back" }).click();
  await ada.getByText("No other team may see it.").waitFor();
  await grace.goto(`${platform.console}/projects/static-folder`);
  await grace.getByText("There is no such page").waitFor();

  await ada.goto(`${platform.console}/audit?action=grant`);
  await ada.getByRole("list", { name: "Entries" }).getByRole("button").first().waitFor();
  await expectAccessible(ada, "the audit log");
});
