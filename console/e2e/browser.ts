/** Chromium, and pages in it that report what goes wrong in them. */

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AxeBuilder } from "@axe-core/playwright";
import { type Browser, type BrowserContext, type BrowserContextOptions, type Page, chromium } from "playwright-core";
import { type RunnerTestCase, expect } from "vitest";
import type { Platform } from "./platform";

export const DESKTOP = { width: 1366, height: 860 };
export const PHONE = { width: 390, height: 844 };

/** Nothing needs so long where nothing else runs; a machine that compiles beside it may. Only a failure waits for all of it. */
export const PATIENCE_MS = 60_000;

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export async function openBrowser(): Promise<Browser> {
  const executablePath = process.env["CHROMIUM"] ?? PLACES.find((place) => existsSync(place));
  if (executablePath === undefined) throw new Error("No chromium was found: install Debian's package chromium, or set CHROMIUM.");
  // As root, as in a container, chromium has no sandbox to make.
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

export interface Watched {
  page: Page;
  context: BrowserContext;
  /** What the page complained about, policy violations among it. */
  complaints: string[];
}

export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Watched> {
  const context = await browser.newContext({ viewport: DESKTOP, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // Networks come and go with containers, those of other tests too: the browser asks again by itself, and the page is told why.
    if (message.type() === "error" && !message.text().includes("ERR_NETWORK_CHANGED")) complaints.push(message.text());
  });
  return { page, context, complaints };
}

/** As if somebody had signed in with the form, which has a story of its own: the browser gets its cookie from the server. */
export async function signIn(context: BrowserContext, platform: Platform): Promise<void> {
  const page = await context.newPage();
  await page.goto(`${platform.console}/login`);
  const status = await page.evaluate(async (body) => {
    const headers = { "content-type": "application/json" };
    return (await fetch("/api/v1/auth/browser", { method: "POST", headers, body })).status;
  }, JSON.stringify(platform.admin));
  expect(status).toBe(200);
  await page.close();
}

/** For whoever has to find out why: what was on the screen, and what the server said. */
export async function keepFailure(task: Readonly<RunnerTestCase>, page: Page, platform: Platform): Promise<void> {
  if (task.result?.state !== "fail") return;
  const folder = fileURLToPath(new URL("failures", import.meta.url));
  const path = join(folder, task.name.replaceAll(/\W+/g, "-"));
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: `${path}.png` });
  writeFileSync(`${path}.log`, platform.output);
}

/** A dialog is gone when nothing of it is in the page any more: only then what it showed is, and the focus is back. */
export async function expectClosed(page: Page): Promise<void> {
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

/** Forms forget what they sent when the answer is there, which may be a moment after the rest of the page knows it. */
export async function expectForgotten(page: Page, secret: string): Promise<void> {
  await expect.poll(() => page.content(), { message: "it is never shown" }).not.toContain(secret);
}

/** How far what was there moved while the page came to be (CLS, https://web.dev/articles/cls), and what moved. */
export async function watchShifts(page: Page): Promise<() => Promise<{ sum: number; moved: string[] }>> {
  await page.addInitScript(() => {
    const shifts: [number, string][] = [];
    Object.assign(window, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean; sources: { node: Node | null }[] })[]) {
        if (!entry.hadRecentInput) shifts.push([entry.value, entry.sources.map(({ node }) => (node instanceof Element ? node.outerHTML.slice(0, 160) : (node?.textContent ?? "gone"))).join("\n")]);
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  return async () => {
    const shifts = await page.evaluate(() => (window as unknown as { shifts: [number, string][] }).shifts);
    return { sum: shifts.reduce((sum, [value]) => sum + value, 0), moved: shifts.map(([value, what]) => `${value.toFixed(4)} ${what}`) };
  };
}

/** What the page confirms. It stands there twice for a moment: for those who see it, and for a reader of the screen. */
export async function expectTold(page: Page, text: string): Promise<void> {
  await page.getByText(text).first().waitFor();
}

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** Nothing that axe knows to hinder people. */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  await expectNothingFrom(new AxeBuilder({ page }).withTags(RULES), what);
}

/** Enough contrast: all that another theme can spoil. */
export async function expectReadable(page: Page, what: string): Promise<void> {
  await expectNothingFrom(new AxeBuilder({ page }).withRules(["color-contrast"]), what);
}

/** How long a page may take to become what it is: colours change with the theme a frame or two later. */
const SETTLED_WITHIN_MS = 15_000;

async function expectNothingFrom(axe: AxeBuilder, what: string): Promise<void> {
  const begun = Date.now();
  let { violations } = await axe.analyze();
  while (violations.length > 0 && Date.now() - begun < SETTLED_WITHIN_MS) {
    ({ violations } = await axe.analyze());
  }
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map((node) => `  ${node.html}\n  ${node.failureSummary ?? ""}`).join("\n")}`);
  expect(told, what).toEqual([]);
}

/** Nothing but code may need more width than there is. */
export async function expectNoSidewaysScroll(page: Page, what: string): Promise<void> {
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(excess, `${what} scrolls sideways`).toBeLessThanOrEqual(0);
}
