/** GitHub: an app for everybody, an account of one's own, a repository among many, a project that is connected with it. */

import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { expectAccessible, expectForgotten } from "./browser";
import { GitHub } from "./github";
import { Platform } from "./platform";
import { tellStories } from "./story";

/** Three pages of the list, and one that may only be read. */
const REPOSITORIES = [...Array.from({ length: 120 }, (_, number) => `harbour/quay-${number}`), "harbour/read-only", "harbour/lighthouse"];

let github: GitHub;
let platform: Platform;
let page: Page;
let complaints: string[];

tellStories({
  start: async () => {
    github = await GitHub.start(REPOSITORIES);
    return Platform.start({ repositories: [], hasAdmin: true });
  },
  begin: (story) => void ({ platform, page, complaints } = story),
  end: () => github.stop(),
});

it("posts GitHub what it makes an app of", async () => {
  const posted = new Promise<URLSearchParams>((resolve) => {
    void page.route("https://github.com/**", async (route) => {
      resolve(new URLSearchParams(route.request().postData() ?? ""));
      await route.fulfill({ contentType: "text/html", body: `<h1>Make ${new URL(route.request().url()).pathname}</h1>` });
    });
  });
  await page.goto(`${platform.console}/github`);
  await page.getByRole("heading", { name: "There is no GitHub App yet" }).waitFor();
  await expectAccessible(page, "no app");
  await page.getByRole("link", { name: "Set a GitHub App up" }).click();
  await page.getByLabel("Organisation").fill("harbour");
  await page.getByRole("button", { name: "Make it at GitHub" }).click();
  const manifest = JSON.parse((await posted).get("manifest") ?? "") as Record<string, unknown>;
  expect(manifest).toMatchObject({ redirect_url: `${platform.console}/github-app`, callback_urls: [`${platform.console}/github`], default_events: ["push", "pull_request"] });
  await page.getByRole("heading", { name: "Make /organizations/harbour/settings/apps/new" }).waitFor();
  await page.unrouteAll();
});

it("takes an app that is there already when GitHub knows it, and keeps its secrets to itself", async () => {
  await page.goto(`${platform.console}/github-app`);
  await page.getByRole("button", { name: "Use it" }).click();
  await page.getByText("A whole number, as on the page of the app.").waitFor();
  await expectAccessible(page, "an app that is not whole");
  await page.getByLabel("Number of the app").fill("1");
  await page.getByLabel("Server").fill(github.url);
  await page.getByLabel("Client secret").fill(github.app.clientSecret);
  await page.getByLabel("Webhook secret").fill(github.app.webhookSecret);
  await page.getByLabel("Private key from a file").setInputFiles({ name: "app.pem", mimeType: "application/x-pem-file", buffer: Buffer.from(github.privateKey) });
  await expect.poll(() => page.getByLabel("Private key", { exact: true }).inputValue()).toContain("BEGIN PRIVATE KEY");
  await page.getByRole("button", { name: "Use it" }).click();
  const problem = page.getByRole("alert").filter({ hasText: "The app was not taken" });
  await problem.getByText(`the key is that of the app ${github.app.id}`).first().waitFor();
  await page.getByLabel("Number of the app").fill(String(github.app.id));
  await page.getByRole("button", { name: "Use it" }).click();
  await page.getByRole("heading", { name: github.app.name }).waitFor();
  await expectForgotten(page, github.app.clientSecret);
  await expectAccessible(page, "the app");
});

it("connects an account there and back, and finds a repository among many", async () => {
  await page.goto(`${platform.console}/github`);
  await page.getByRole("button", { name: "Connect your account" }).click();
  await page.getByRole("heading", { name: "Your account" }).waitFor();
  await expect.poll(() => page.url(), { message: "the code stays in no history" }).toBe(`${platform.console}/github`);
  const list = page.getByRole("list", { name: "Repositories" });
  await list.getByText("harbour/quay-0", { exact: true }).waitFor();
  await expectAccessible(page, "repositories");
  await page.getByLabel("Search", { exact: true }).fill("no such");
  await page.getByText("No repository has “no such” in its name").waitFor();
  await page.getByLabel("Search", { exact: true }).fill("read-");
  await list.getByText("you may only read it").waitFor();
  expect(await page.getByRole("link", { name: "New project of harbour/read-only" }).count(), "nobody connects what they may only read").toBe(0);
  await page.getByLabel("Search", { exact: true }).fill("LIGHT");
  await page.getByRole("link", { name: "New project of harbour/lighthouse" }).waitFor();
  await expect.poll(() => list.getByRole("listitem").count()).toBe(1);
  await expect.poll(() => page.url()).toContain("q=LIGHT");
});

it("makes a project of it that is connected, and lets it go again", async () => {
  await page.getByRole("link", { name: "New project of harbour/lighthouse" }).click();
  await expect.poll(() => page.getByLabel("Repository", { exact: true }).inputValue()).toContain("/harbour/lighthouse.git");
  await page.getByRole("button", { name: "Go on", exact: true }).click();
  await page.getByRole("button", { name: "Go on through the GitHub App" }).click();
  await page.getByText("Through the GitHub App, to harbour/lighthouse").waitFor();
  await expectAccessible(page, "let in through the app");
  expect(await platform.call("GET", "/projects/lighthouse/source")).toMatchObject({ connection: { provider: "github_app", repository: "harbour/lighthouse", unused: null } });

  await page.goto(`${platform.console}/projects/lighthouse/settings`);
  await page.getByText("Through the GitHub App, to harbour/lighthouse").waitFor();
  await page.getByRole("button", { name: "Disconnect", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Disconnect it" }).click();
  await page.getByRole("button", { name: "Connect with GitHub" }).click();
  await page.getByText("Through the GitHub App, to harbour/lighthouse").waitFor();
  await expectAccessible(page, "settings of a connected project");

  await page.goto(`${platform.console}/github`);
  await page.getByRole("button", { name: "Disconnect", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Forget it" }).click();
  await page.getByRole("button", { name: "Connect your account" }).waitFor();
  // What was refused on purpose is complained about by the browser too: a key of another app, a server without TLS.
  expect(complaints.filter((it) => !it.includes("422"))).toEqual([]);
});

it("says what was not begun here", async () => {
  await page.goto(`${platform.console}/github?code=stolen&state=of-somebody`);
  await page.getByRole("alert").getByText("Your account was not connected").waitFor();
  await expect.poll(() => page.url()).toBe(`${platform.console}/github`);
});
