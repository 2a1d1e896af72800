/** From an address to a live project: with variables and a domain, and from a repository that nobody was let into yet. */

import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { expectAccessible } from "./browser";
import { Dns } from "./dns";
import { Platform } from "./platform";
import { SshGit } from "./ssh-git";
import { tellStories } from "./story";

const HOST = "shop.example.org";

let dns: Dns;
let git: SshGit;
let platform: Platform;
let page: Page;
let complaints: string[];

tellStories({
  start: async () => {
    dns = await Dns.start();
    git = await SshGit.start({ "index.html": "<h1>Only for us</h1>" });
    return Platform.start({ repositories: ["static-folder"], hasAdmin: true, variables: { PIERHEAD_DNS_RESOLVERS: dns.address } });
  },
  begin: (story) => void ({ platform, page, complaints } = story),
  end: () => {
    git.stop();
    dns.stop();
  },
});

it("asks for everything at once, and shows the records of a domain while it builds", async () => {
  await page.goto(`${platform.console}/projects/new`);
  await page.getByLabel("Repository").fill(platform.repository("static-folder"));
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByText("Variables", { exact: true }).click();
  await page.getByLabel("As in a .env file").fill("GREETING=Good morning\nAPI_TOKEN=abc123\n");
  await page.getByText("Domain", { exact: true }).click();
  await page.getByLabel("Your own domain").fill("localhost");
  await page.getByText("A single word is no domain").waitFor();
  await page.getByLabel("Your own domain").fill(`https://${HOST}/`);
  await expectAccessible(page, "the plan with a domain");
  await page.getByRole("button", { name: "Deploy", exact: true }).click();

  await page.getByRole("status", { name: "It is live" }).waitFor();
  const records = page.getByRole("region", { name: "DNS records" });
  await records.getByRole("row", { name: /^TXT/ }).waitFor();
  const [name, value] = await records.getByRole("row", { name: /^TXT/ }).locator("td code").allTextContents();
  await expectAccessible(page, "live, with a domain that waits");
  dns.set("TXT", name ?? "", value ?? "");
  await platform.call("POST", `/projects/static-folder/domains/${HOST}/verify`);
  await records.waitFor({ state: "detached" });
  await expect.poll(() => platform.visit(HOST)).toContain("Pierhead example: static-folder");
  const { items } = await platform.call<{ items: { key: string; secret: boolean }[] }>("GET", "/projects/static-folder/variables");
  expect(items.map(({ key, secret }) => [key, secret])).toEqual([
    ["API_TOKEN", true],
    ["GREETING", false],
  ]);
});

it("is let into a private repository on the way", async () => {
  await page.goto(`${platform.console}/projects/new`);
  await page.getByLabel("Repository").fill(git.address);
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByRole("button", { name: "It is private: let the platform in" }).click();
  await page.getByRole("button", { name: "Make a deploy key" }).click();
  git.admit((await page.getByLabel("The public half").textContent()) ?? "");
  await page.getByRole("button", { name: "Ask the server" }).click();
  await page.getByRole("button", { name: `Approve ${git.fingerprint}` }).click();
  await page.getByRole("list", { name: "Approved keys" }).waitFor();
  await expectAccessible(page, "let in");
  // A reload in between loses nothing: the project is made.
  await page.reload();
  await page.getByRole("list", { name: "Approved keys" }).waitFor();
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await page.getByRole("status", { name: "It is live" }).waitFor();
  expect(await platform.visit("site.localhost")).toContain("Only for us");
  // The repository that does not let anybody in was asked for on purpose.
  expect(complaints.filter((it) => !it.includes("422"))).toEqual([]);
});
