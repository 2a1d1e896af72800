/** Pictures of every page, in both themes and on a phone, to be looked at: `make screenshots`. */

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { DESKTOP, PHONE, openBrowser, openPage, signIn } from "./browser";
import { freePort } from "./platform";
import { SKELETON, type World, pagesOf, startWorld } from "./world";

const FOLDER = process.env["SCREENSHOTS"] ?? fileURLToPath(new URL("../../target/screenshots", import.meta.url));

let world: World;
let browser: Browser;

beforeAll(async () => {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  world = await startWorld();
  browser = await openBrowser();
});

afterAll(async () => {
  await browser.close();
  await world.platform.stop();
});

const KINDS = {
  light: { colorScheme: "light", viewport: DESKTOP },
  dark: { colorScheme: "dark", viewport: DESKTOP },
  phone: { viewport: PHONE, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
} as const;

/** What opens over a page. */
const LAYERS: Record<string, [path: string, open: (page: Page) => Promise<void>]> = {
  palette: ["/projects", (page) => page.keyboard.press("Control+k").then(() => page.keyboard.type("o"))],
  shortcuts: ["/projects", (page) => page.keyboard.press("?")],
  deploy: ["/projects/static-folder", (page) => page.getByRole("button", { name: "Deploy" }).click()],
  rollback: ["/projects/static-folder", (page) => page.getByRole("button", { name: "Roll back" }).click()],
  "add-variable": ["/projects/node-service/variables", (page) => page.getByRole("button", { name: "Add" }).click()],
  "review-variables": ["/projects/node-service/variables", reviewVariables],
  "add-domain": ["/projects/static-folder/domains", (page) => page.getByRole("button", { name: "Add a domain" }).click()],
  "hand-over-certificate": ["/projects/static-folder/domains", (page) => page.getByRole("button", { name: "Hand one over" }).click()],
  "add-notification": ["/projects/static-folder/notifications", (page) => page.getByRole("button", { name: "Tell somebody" }).click()],
  "delete-project": ["/projects/static-folder/settings", (page) => page.getByRole("button", { name: "Delete" }).click()],
  "new-project-plan": ["/projects/new", lookAtRepository],
  "add-node": ["/environments", (page) => page.getByRole("button", { name: "Add a node" }).click()],
  "add-registry": ["/registries", (page) => page.getByRole("button", { name: "Add a registry" }).click()],
  "add-step": ["/projects/shop/pipeline", (page) => page.getByRole("button", { name: "Add a step" }).click()],
  "dry-run": ["/projects/shop/pipeline", dryRun],
  compose: ["/projects/shop/pipeline", importCompose],
  "new-slot": ["/projects/shop/slots", (page) => page.getByRole("button", { name: "Stand up a copy" }).click()],
  clone: ["/projects/shop/slots", (page) => page.getByRole("button", { name: "Clone" }).first().click()],
  qr: ["/projects/shop/slots", (page) => page.getByRole("button", { name: /^QR code/ }).first().click()],
  "add-service": ["/services", (page) => page.getByRole("button", { name: "Add a service" }).click()],
  "register-plugin": ["/plugins", (page) => page.getByRole("button", { name: "Register a plugin" }).click()],
  invite: ["/teams/storefront", (page) => page.getByRole("button", { name: "Invite", exact: true }).click()],
  "new-token": ["/account/tokens", (page) => page.getByRole("button", { name: "New token" }).click()],
};

async function dryRun(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Dry run" }).click();
  await page.getByRole("button", { name: "Try", exact: true }).click();
  await page.getByRole("region", { name: "Result" }).waitFor();
}

async function importCompose(page: Page): Promise<void> {
  await page.getByRole("button", { name: "More about the pipeline" }).click();
  await page.getByRole("menuitem", { name: "Import a compose file" }).click();
  await page.getByRole("textbox", { name: "Compose file" }).fill("services:\n  web:\n    image: nginx:1\n    container_name: mine\n    ports: ['80:80']\n    network_mode: host\n");
  await page.getByRole("button", { name: "Look at it" }).click();
  await page.getByText("services.web.network_mode").waitFor();
}

const STEPS = "Steps in the order in which they run";

/** Pages that show something else once somebody has done something on them. */
const FACES: Record<string, [path: string, open: (page: Page) => Promise<void>]> = {
  "pipeline-step": ["/projects/shop/pipeline", chooseStep],
  "pipeline-text": ["/projects/shop/pipeline", writeText],
  "terminal-open": ["/projects/node-service/terminal", typeInShell],
  "metrics-table": ["/projects/node-service/metrics", (page) => page.getByRole("button", { name: "Requests as a table" }).click()],
};

async function chooseStep(page: Page): Promise<void> {
  await page.getByRole("list", { name: STEPS }).waitFor();
  await page.getByRole("button", { name: /^api / }).first().click();
  await page.getByLabel("Image", { exact: true }).waitFor();
}

async function writeText(page: Page): Promise<void> {
  await page.getByRole("list", { name: STEPS }).waitFor();
  await page.getByRole("button", { name: "YAML" }).click();
  await page.getByLabel("The pipeline as text").fill("version: 1\nsteps:\n  api:\n    kind: servise\n  web:\n    kind: site\n    build: front # not there\n");
  await page.getByText("did you mean").waitFor();
}

async function typeInShell(page: Page): Promise<void> {
  await page.getByRole("button", { name: /pen a shell$/ }).click();
  const terminal = page.getByRole("region", { name: "Terminal" });
  await terminal.getByText(/^In node-service/).waitFor();
  await page.keyboard.type("ls --color=always / && node --version\n");
  await terminal.locator(".xterm-rows > div").filter({ hasText: /^v\d+/ }).first().waitFor();
}

async function reviewVariables(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Paste .env" }).click();
  await page.getByLabel("Its contents").fill("LOG_LEVEL=debug\nSTRIPE_KEY=sk_live_1\n");
  await page.getByRole("button", { name: /^Take/ }).click();
  await page.getByRole("button", { name: "Review" }).click();
}

async function lookAtRepository(page: Page): Promise<void> {
  await page.getByLabel("Repository").fill(world.platform.repository("vite-react"));
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByLabel("Name", { exact: true }).waitFor();
}

it.each(Object.entries(KINDS))("%s", async (kind, options) => {
  const { page, context } = await openPage(browser, options);
  const shoot = async (name: string) => {
    await expect.poll(() => page.locator(SKELETON).count()).toBe(0);
    // A log that is still read has no rows to show.
    await page.getByText("Reading", { exact: true }).waitFor({ state: "detached" });
    await page.evaluate(() => document.fonts.ready);
    await page.screenshot({ path: join(FOLDER, `${name}-${kind}.png`) });
  };
  const base = world.platform.console;
  for (const [name, path] of [["set-up", "/setup"], ["sign-in", "/login"]] as const) {
    await page.goto(`${base}${path}`);
    await page.getByLabel("E-mail").waitFor();
    await shoot(name);
  }
  await signIn(context, world.platform);
  for (const [name, path] of Object.entries(pagesOf(world))) {
    await page.goto(`${base}${path}`);
    await page.locator("main h1").first().waitFor();
    await shoot(name);
  }
  for (const [name, [path, open]] of Object.entries(FACES)) {
    await page.goto(`${base}${path}`);
    await open(page);
    await shoot(name);
  }
  await page.evaluate(() => localStorage.clear());
  for (const [name, [path, open]] of Object.entries(LAYERS)) {
    await page.goto(`${base}${path}`);
    await page.locator("main h1").first().waitFor();
    await expect.poll(() => page.locator(SKELETON).count()).toBe(0);
    await open(page);
    if (name !== "new-project-plan") await page.getByRole("dialog").getByRole("heading").first().waitFor({ state: "attached" });
    await shoot(name);
  }
  await context.close();
});

it("a node whose certificate has changed", async () => {
  const { platform } = world;
  const port = await freePort();
  const added = { name: "hamburg-1", address: `127.0.0.1:${port}` };
  const { token } = await platform.call<{ token: string }>("POST", "/environments/local/nodes", added);
  const online = async () => (await platform.call<{ status: string }>("GET", "/nodes/hamburg-1")).status;
  const first = await platform.startAgent(token, port, "hamburg");
  await expect.poll(online).toBe("online");
  await first.stop();
  first.forgetCertificate();
  await platform.startAgent(token, port, "hamburg");
  await expect.poll(online).toBe("untrusted");
  for (const [kind, options] of Object.entries(KINDS)) {
    const { page, context } = await openPage(browser, options);
    await signIn(context, platform);
    for (const [name, path] of [["certificate", "/nodes/hamburg-1"], ["environments", "/environments"]] as const) {
      await page.goto(`${platform.console}${path}`);
      await page.getByText("Untrusted").waitFor();
      await page.screenshot({ path: join(FOLDER, `${name}-${kind}.png`) });
    }
    await context.close();
  }
});
