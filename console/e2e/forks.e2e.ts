/** A pull request of a stranger: each commit waits until somebody has read it, and gets secrets only when that is said as well. */

import { createHmac } from "node:crypto";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { expectAccessible, expectClosed, expectTold } from "./browser";
import { Platform } from "./platform";
import { tellStories } from "./story";

const WEBHOOK_SECRET = "a secret for the whole installation";
const PREVIEW = "pr-8--greeter.localhost";
const PULL = "refs/pull/8/head";

let platform: Platform;
let page: Page;
let complaints: string[];
/** The commit that is asked about now. */
let commit: string;

tellStories({
  start: () => Platform.start({ repositories: ["greeter"], hasAdmin: true, variables: { PIERHEAD_WEBHOOK_SECRET: WEBHOOK_SECRET } }),
  begin: async (story) => {
    ({ platform, page, complaints } = story);
    await platform.call("POST", "/projects", { name: "greeter", source: { repository: platform.repository("greeter") } });
    await platform.call("PUT", "/projects/greeter/variables/CANARY", { value: "sesame", secret: true, exposure: "runtime" });
    await platform.deploy("greeter");
  },
});

/** What GitHub says of a pull request from another repository. `second` orders what it says. */
async function tell(second: number, state: "open" | "closed"): Promise<void> {
  const body = JSON.stringify({
    action: state === "open" ? "synchronize" : "closed",
    repository: { clone_url: platform.repository("greeter"), default_branch: "main" },
    pull_request: {
      number: 8,
      state,
      title: "Greet more people",
      html_url: "https://git.example.com/greeter/pull/8",
      user: { login: "octocat" },
      updated_at: `2026-01-01T00:00:0${second}Z`,
      head: { sha: commit, repo: { id: 2 } },
      base: { ref: "main", repo: { id: 1 } },
    },
  });
  const signature = createHmac("sha256", WEBHOOK_SECRET).update(body).digest("hex");
  const response = await fetch(new URL("/api/v1/hooks/github", platform.console), {
    method: "POST",
    headers: { "content-type": "application/json", "x-github-event": "pull_request", "x-github-delivery": `8-${second}`, "x-hub-signature-256": `sha256=${signature}` },
    body,
  });
  expect([response.status, await response.json()]).toEqual([202, expect.objectContaining({ projects: ["greeter"] })]);
}

const pull = () => page.getByRole("list", { name: "Followed branches" }).getByRole("listitem").filter({ hasText: "Greet more people" });

async function approve(hash: string, withSecrets: boolean): Promise<void> {
  await page.getByRole("button", { name: "Approve a commit of #8" }).click();
  await page.getByLabel("The commit that you have read").fill(hash);
  if (withSecrets) await page.getByLabel("It gets the project's secrets").check();
  await page.getByRole("button", { name: "I have read it: build it" }).click();
}

it("waits until somebody has read the commit, and is built without secrets", async () => {
  expect(await platform.visit("greeter.localhost")).toBe("main sesame");
  commit = platform.push("greeter", "text", "theirs", "Greet more people", PULL);
  await tell(1, "open");
  await page.goto(`${platform.console}/projects/greeter/settings`);
  await pull().getByText("From a fork: no commit is approved").waitFor();
  await pull().getByText(/waits for an approval/).waitFor();
  expect(await platform.visit(PREVIEW)).not.toContain("theirs");
  await expectAccessible(page, "a pull request that waits");

  await approve(commit.slice(0, 7), false);
  await page.getByText("The whole hash: 40 digits and letters").waitFor();
  await expectAccessible(page, "an approval");
  await page.getByLabel("The commit that you have read").fill(commit);
  await page.getByRole("button", { name: "I have read it: build it" }).click();
  await expectTold(page, `${commit.slice(0, 7)} of #8 may be built`);
  await expectClosed(page);
  await pull().getByText(`${platform.admin.email} approved ${commit.slice(0, 7)}`, { exact: true }).waitFor();
  await expect.poll(() => platform.visit(PREVIEW)).toBe("theirs undefined");
});

it("waits again for a later commit, which gets the secrets when that is said too", async () => {
  commit = platform.push("greeter", "text", "later", "Greet everybody", PULL);
  await tell(2, "open");
  await page.reload();
  await pull().getByText(/waits for an approval/).waitFor();
  expect(await platform.visit(PREVIEW), "what was approved stays").toBe("theirs undefined");
  await approve(commit, true);
  await expectClosed(page);
  await pull().getByText(`${platform.admin.email} approved ${commit.slice(0, 7)}, with secrets`).waitFor();
  await expect.poll(() => platform.visit(PREVIEW)).toBe("later sesame");
});

it("goes when the pull request is closed", async () => {
  await tell(9, "closed");
  await expect.poll(() => platform.visit(PREVIEW)).not.toContain("later");
  const slots = async () => (await platform.call<{ items: { name: string }[] }>("GET", "/projects/greeter/slots")).items.map(({ name }) => name);
  await expect.poll(slots).toEqual(["production"]);
  expect(complaints).toEqual([]);
});
