/** Signing in and out, who may make an account, and passwords set anew: in a browser that keeps nothing but a cookie. */

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { expectAccessible, keepFailure, openBrowser, openPage, signIn } from "./browser";
import { Platform } from "./platform";

const PASSWORD = "battery staple correct";
const ANOTHER = "another good password";

let platform: Platform;
let browser: Browser;
/** The administrator. */
let ada: Page;
/** Whoever makes an account. */
let grace: Page;

beforeAll(async () => {
  platform = await Platform.start({ repositories: [], hasAdmin: true });
  browser = await openBrowser();
  ada = (await openPage(browser)).page;
  grace = (await openPage(browser)).page;
});

afterAll(async () => {
  await browser.close();
  await platform.stop();
});

afterEach(({ task }) => keepFailure(task, task.name.includes("herself") ? grace : ada, platform));

it("signs in with the form, keeps no token where a page can read it, and signs out in every tab", async () => {
  await ada.goto(`${platform.console}/projects`);
  await ada.getByLabel("E-mail").fill(platform.admin.email);
  await ada.getByLabel("Password").fill("wrong");
  await ada.getByRole("button", { name: "Sign in", exact: true }).click();
  await ada.getByRole("alert").getByText("The address or the password is wrong.").waitFor();
  await expectAccessible(ada, "signing in");
  await ada.getByLabel("Password").fill(platform.admin.password);
  await ada.getByRole("button", { name: "Sign in", exact: true }).click();
  await ada.getByRole("heading", { level: 1, name: "Projects" }).waitFor();

  const kept = await ada.evaluate(() => JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie]));
  expect(kept).not.toMatch(/phd_|eyJ/);
  const [cookie] = (await ada.context().cookies()).filter(({ name }) => name === "__Host-pierhead");
  expect(cookie).toMatchObject({ httpOnly: true, secure: true, sameSite: "Lax", path: "/" });
  await ada.reload();
  await ada.getByRole("heading", { level: 1, name: "Projects" }).waitFor();

  const tab = await ada.context().newPage();
  await tab.goto(`${platform.console}/account/profile`);
  await tab.getByRole("button", { name: "Sign out", exact: true }).click();
  await ada.getByRole("heading", { name: "Sign in to Pierhead" }).waitFor();
  await tab.close();
});

it("opens the installation to everybody, and hands over a link for a password", async () => {
  await signIn(ada.context(), platform);
  await ada.goto(`${platform.console}/users`);
  await ada.getByRole("list", { name: "Users" }).getByText(platform.admin.email).waitFor();
  await ada.getByLabel("Everybody").check();
  await ada.getByLabel("Everybody").and(ada.locator(":checked:enabled")).waitFor();
  await ada.getByText("None are sent").waitFor();
  await expectAccessible(ada, "users");
});

it("makes an account by herself, and sets another password with the link", async () => {
  await grace.goto(`${platform.console}/login`);
  await grace.getByRole("link", { name: "Make an account" }).click();
  await grace.getByLabel("E-mail").fill("grace@example.com");
  await grace.getByLabel("Password").fill(PASSWORD);
  await expectAccessible(grace, "making an account");
  await grace.getByRole("button", { name: "Go on" }).click();
  await grace.getByRole("heading", { name: "That is all" }).waitFor();
  await grace.getByRole("link", { name: "Sign in" }).click();
  await grace.getByLabel("E-mail").fill("grace@example.com");
  await grace.getByLabel("Password").fill(PASSWORD);
  await grace.getByRole("button", { name: "Sign in", exact: true }).click();
  await grace.getByRole("heading", { level: 1, name: "Home" }).waitFor();

  await ada.reload();
  await ada.getByRole("button", { name: "A link for grace@example.com to set another password" }).click();
  const link = await ada.getByRole("dialog").locator("code").innerText();
  await ada.getByRole("dialog").getByRole("button", { name: "Done" }).click();
  await grace.goto(link);
  await grace.getByLabel("New password").fill(ANOTHER);
  expect(grace.url(), "the token stays in no history").not.toContain("#");
  await expectAccessible(grace, "another password");
  await grace.getByRole("button", { name: "Set it" }).click();
  await grace.getByRole("heading", { name: "The password is set" }).waitFor();
  await grace.goto(`${platform.console}/projects`);
  await grace.getByRole("heading", { name: "Sign in to Pierhead" }).waitFor();
  await grace.getByLabel("E-mail").fill("grace@example.com");
  await grace.getByLabel("Password").fill(ANOTHER);
  await grace.getByRole("button", { name: "Sign in", exact: true }).click();
  await grace.getByRole("heading", { level: 1, name: "Projects" }).waitFor();

  await ada.getByRole("button", { name: "Disable grace@example.com" }).click();
  await ada.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
  await ada.getByText("disabled", { exact: true }).waitFor();
  await grace.getByRole("heading", { name: "Sign in to Pierhead" }).waitFor();
});

it("signs a command line in by its code, once, and refuses another", async () => {
  const ask = async (path: string, body: object) => {
    const answer = await fetch(`${platform.console.replace(/\/console$/, "")}/api/v1/auth/device${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const { body: begun } = await ask("", { name: "ada's laptop" });
  const { body: another } = await ask("", { name: "somebody else's" });

  await ada.goto(String(begun["verification_url"]));
  await ada.getByRole("heading", { name: `Is ${String(begun["user_code"])} the code that your command line shows?` }).waitFor();
  await ada.getByText("ada's laptop").waitFor();
  await expectAccessible(ada, "signing a command line in");
  await ada.getByRole("button", { name: "Sign it in" }).click();
  await ada.getByRole("status").getByText("Go back to your command line.").waitFor();
  const { body: told } = await ask("/token", { device_code: begun["device_code"] });
  expect(told).toMatchObject({ status: "approved", email: platform.admin.email, token: { name: "pierhead on ada's laptop" } });
  expect((await ask("/token", { device_code: begun["device_code"] })).status).toBe(401);

  await ada.goto(`${platform.console}/device`);
  await ada.getByLabel("Code").fill(String(another["user_code"]).toLowerCase());
  await ada.getByRole("button", { name: "Go on" }).click();
  await ada.getByText("somebody else's").waitFor();
  await ada.getByRole("button", { name: "Refuse" }).click();
  await ada.getByText("Nothing was signed in.").waitFor();
  expect((await ask("/token", { device_code: another["device_code"] })).body).toMatchObject({ status: "denied", token: null });

  await ada.goto(`${platform.console}/account/tokens`);
  await ada.getByText("pierhead on ada's laptop").waitFor();
});
