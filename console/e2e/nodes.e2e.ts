/** A second machine: added with a token that is shown once, trusted, mistrusted, trusted again, cordoned. */

import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { expectAccessible, expectClosed, expectForgotten } from "./browser";
import { Platform, freePort } from "./platform";
import { tellStories } from "./story";

let platform: Platform;
let page: Page;

tellStories({
  start: () => Platform.start({ repositories: ["static-folder"], hasAdmin: true }),
  begin: (story) => void ({ platform, page } = story),
});

it("adds a node, shows its token once, and asks before it trusts another certificate", async () => {
  const port = await freePort();
  await page.goto(`${platform.console}/environments`);
  await page.getByRole("button", { name: "Add a node" }).click();
  await page.getByLabel("Name").fill("berlin-2");
  await page.getByLabel("Address of its agent").fill(`127.0.0.1:${port}`);
  await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
  const token = await page.getByRole("dialog").locator("code", { hasText: /^phd_/ }).first().innerText();
  await expectAccessible(page, "added");
  let agent = await platform.startAgent(token, port, "agent");
  await page.getByText("It is connected and gets deployments.").waitFor();
  await page.getByRole("button", { name: "To the node" }).click();
  await page.getByRole("heading", { level: 1, name: /berlin-2 Online/ }).waitFor();
  await expectForgotten(page, token);

  await agent.stop();
  agent.forgetCertificate();
  agent = await platform.startAgent(token, port, "agent");
  const changed = page.getByRole("region", { name: "The certificate has changed" });
  await changed.waitFor();
  await expectAccessible(page, "changed certificate");
  const shown = (await changed.getByText("Shown now", { exact: true }).locator("..").innerText()).replaceAll(/[^0-9A-F]/g, "");
  expect(agent.thumbprint.replaceAll(/[^0-9a-f]/gi, "").toUpperCase()).toBe(shown.slice(-64));
  await changed.getByRole("button", { name: "Trust the one shown now" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Trust it" }).click();
  await page.getByRole("heading", { level: 1, name: /berlin-2 Online/ }).waitFor();

  await page.getByRole("button", { name: "Cordon" }).click();
  await page.getByRole("heading", { level: 1, name: /berlin-2 Cordoned/ }).waitFor();
  await page.getByRole("button", { name: "Uncordon" }).click();
  await page.getByRole("heading", { level: 1, name: /berlin-2 Online/ }).waitFor();

  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Rotate its token" }).click();
  await page.getByRole("button", { name: "Rotate the token" }).click();
  const rotated = await page.getByRole("dialog").locator("code", { hasText: /^phd_/ }).first().innerText();
  expect(rotated).not.toBe(token);
  await page.getByRole("button", { name: "I have copied it" }).click();
  await expectClosed(page);
  await expectForgotten(page, rotated);
});
