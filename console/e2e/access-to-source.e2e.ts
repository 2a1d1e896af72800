/** A repository that not everybody may read: by ssh with a deploy key and a server that somebody vouches for, by https with a token. */

import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { expectAccessible, expectForgotten, expectTold } from "./browser";
import { Platform } from "./platform";
import { SshGit } from "./ssh-git";
import { tellStories } from "./story";

let git: SshGit;
let platform: Platform;
let page: Page;
let complaints: string[];

tellStories({
  start: async () => {
    git = await SshGit.start({ "index.html": "<h1>Only for us</h1>" });
    return Platform.start({ repositories: [], hasAdmin: true });
  },
  begin: (story) => void ({ platform, page, complaints } = story),
  end: () => git.stop(),
});

it("lets the platform in by a deploy key, after somebody has compared the server's key", async () => {
  await platform.call("POST", "/projects", { name: "private", source: { repository: git.address } });
  await page.goto(`${platform.console}/projects/private/settings`);
  await page.getByText("Nothing is shown to the server").waitFor();
  await page.getByRole("button", { name: "Make a deploy key" }).click();
  const key = await page.getByLabel("The public half").textContent();
  expect(key).toMatch(/^ssh-ed25519 /);
  git.admit(key ?? "");

  await page.getByRole("button", { name: "Ask the server" }).click();
  const shown = page.getByRole("list", { name: "Keys that it shows now" });
  await shown.getByText(git.fingerprint).waitFor();
  await expectAccessible(page, "a key to compare");
  await page.getByRole("button", { name: `Approve ${git.fingerprint}` }).click();
  await page.getByRole("list", { name: "Approved keys" }).getByText(git.fingerprint).waitFor();

  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Deploy", exact: true }).click();
  await page.getByRole("heading", { name: /Production/ }).waitFor();
  expect(await platform.visit("private.localhost")).toContain("Only for us");
});

it("forgets a key, and takes a token where the address is one for https", async () => {
  await page.goto(`${platform.console}/projects/private/settings`);
  await page.getByRole("button", { name: "Forget it" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Forget it" }).click();
  await page.getByText("Nothing is shown to the server").waitFor();

  await platform.call("POST", "/projects", { name: "by-token", source: { repository: "https://git.example.com/team/shop.git" } });
  await page.goto(`${platform.console}/projects/by-token/settings`);
  await page.getByLabel("Token", { exact: true }).fill("glpat-not-a-real-one");
  await page.getByRole("button", { name: "Keep it" }).click();
  await page.getByText("for git.example.com and nobody else").waitFor();
  await expectForgotten(page, "glpat-not-a-real-one");
  await expectAccessible(page, "a token that is kept");
  expect(complaints).toEqual([]);
});

it("says when a service sleeps, how long a slot stays and what a push does", async () => {
  // A project of its own for each attempt: what one has saved, the next could not save again.
  const { name } = await platform.call<{ name: string }>("POST", "/projects", { name: `idle-${Date.now()}`, source: { repository: "https://git.example.com/team/shop.git" } });
  await page.goto(`${platform.console}/projects/${name}/settings`);
  const idle = page.locator("form#idle");
  await idle.getByLabel("A service sleeps").selectOption("After 5 m without a request");
  await idle.getByLabel("A slot stays").selectOption("3 d");
  await idle.getByRole("button", { name: "Save" }).click();
  await expectTold(page, "Saved. It holds from now on.");
  const triggers = page.locator("form#triggers");
  await triggers.getByLabel("Branches with a slot of their own").fill("release/*\nhotfix-*\n");
  await triggers.getByLabel(/^A push to/).uncheck();
  await triggers.getByRole("button", { name: "Save" }).click();
  await expectTold(page, "Saved. The next push is treated so.");
  const project = await platform.call<Record<string, unknown>>("GET", `/projects/${name}`);
  expect(project).toMatchObject({ sleep_after_s: 300, lifetime_s: 3 * 86_400, triggers: { push: false, pull_requests: true, branches: ["release/*", "hotfix-*"] } });
  await page.reload();
  await expect.poll(() => idle.getByLabel("A slot stays").inputValue()).toBe(String(3 * 86_400));
  await idle.getByLabel("A slot stays").selectOption("For as long as its environment says");
  await idle.getByRole("button", { name: "Save" }).click();
  await expect.poll(async () => (await platform.call<{ lifetime_s: number | null }>("GET", `/projects/${name}`)).lifetime_s).toBeNull();
});
