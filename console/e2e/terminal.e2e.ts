/** A shell in what runs: typed into, resized, left by the keyboard, ended, lost; and what sleeps is woken for it. */

import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { expectAccessible } from "./browser";
import { Platform } from "./platform";
import { tellStories } from "./story";

/** Long enough to be seen awake, short enough to wait for. */
const SLEEP_AFTER_S = 6;

let platform: Platform;
let page: Page;
let complaints: string[];

tellStories({
  start: () => Platform.start({ repositories: ["node-service", "static-folder"], hasAdmin: true }),
  begin: async (story) => {
    ({ platform, page, complaints } = story);
    await platform.deploy("node-service");
    await platform.deploy("static-folder");
  },
});

const terminal = () => page.getByRole("region", { name: "Terminal" });
const status = () => terminal().getByRole("status");
const screen = () => terminal().locator(".xterm-rows");

async function openShell(): Promise<void> {
  await page.getByRole("button", { name: "Open a shell" }).click();
  await status().getByText(/^In node-service/).waitFor();
}

/** What is typed stands on the screen as well, so an answer is a line of its own. */
async function answered(line: RegExp | string): Promise<void> {
  await screen().locator("> div").filter({ hasText: line }).first().waitFor();
}

it("opens a shell in the container of what is live, and types into it", async () => {
  await page.goto(`${platform.console}/projects/node-service`);
  await page.getByRole("heading", { level: 1, name: "node-service" }).waitFor();
  await page.keyboard.press("s");
  await terminal().getByText("A shell in node-service").waitFor();
  await expectAccessible(page, "a terminal that is not open");
  await openShell();
  await page.keyboard.type("echo $((6*7))\n");
  await answered(/^42$/);
  // Colours of programs are styles of the page, which its policy allows no text for.
  await page.keyboard.type("printf '\\033[31mred \\033[38;2;10;200;30mgreen\\033[0m\\n'\n");
  await answered(/^red green$/);
  const colours = await screen().locator("> div").filter({ hasText: /^red green$/ }).locator("span").evaluateAll((spans) => spans.map((span) => getComputedStyle(span).color));
  expect(new Set(colours).size, colours.join(" ")).toBeGreaterThan(1);
  expect(complaints).toEqual([]);
  await expectAccessible(page, "an open terminal");
});

it("tells the shell how large it is, whenever that changes", async () => {
  const columns = async (name: string) => {
    await page.keyboard.type(`echo "${name} $(stty size)"\n`);
    const line = screen().locator("> div").filter({ hasText: new RegExp(`^${name} \\d+ \\d+$`) }).first();
    return Number(/(\d+)$/.exec((await line.innerText()).trim())?.[1]);
  };
  const before = await columns("before");
  await page.setViewportSize({ width: 800, height: 860 });
  await expect.poll(() => columns("after")).toBeLessThan(before);
  await page.setViewportSize({ width: 1366, height: 860 });
});

it("is left and entered by the keyboard, although the shell has the Tab key", async () => {
  const focused = () => page.evaluate(() => document.activeElement?.textContent);
  await terminal().getByText("leaves the terminal").waitFor();
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("TEXTAREA");
  await page.keyboard.press("Control+m");
  expect(await focused()).toBe("End the shell");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("TEXTAREA");
});

it("says what a shell ended with, and opens another in its place", async () => {
  await page.keyboard.type("exit 3\n");
  await status().getByText("exit code 3").waitFor();
  await page.getByRole("button", { name: "Open another" }).and(page.locator(":focus")).waitFor();
  await page.keyboard.press("Enter");
  await answered("A new shell");
  await status().getByText(/^In node-service/).waitFor();
  await page.keyboard.type("echo again $((1+1))\n");
  await answered(/^again 2$/);
  const { items } = await platform.call<{ items: { action: string }[] }>("GET", "/audit?action=deployment.exec");
  expect(items).toHaveLength(2);
});

it("tells that a connection was lost, and that nothing goes on", async () => {
  await page.getByRole("button", { name: "End the shell" }).click();
  await page.routeWebSocket(/\/exec$/, (socket) => {
    const server = socket.connectToServer();
    // As a network would that is cut while something is printed.
    server.onMessage((message) => {
      socket.send(message);
      if (typeof message !== "string" && message.toString().includes("cut-here-5")) void socket.close({ code: 3000 });
    });
  });
  await page.reload();
  await openShell();
  await page.keyboard.type("echo cut-here-$((2+3))\n");
  await status().getByText("The connection was lost").waitFor();
  await page.getByRole("button", { name: "Open another" }).waitFor();
  await expectAccessible(page, "a terminal that was lost");
});

it("wakes what sleeps", async () => {
  await platform.call("PATCH", "/projects/node-service", { sleep_after_s: SLEEP_AFTER_S });
  await page.goto(`${platform.console}/projects/node-service/terminal`);
  await page.getByRole("button", { name: "Wake it and open a shell" }).click();
  await status().getByText(/^In node-service/).waitFor();
  await page.keyboard.type("echo awake $((40+2))\n");
  await answered(/^awake 42$/);
});

it("has nothing to open in a static site", async () => {
  await page.goto(`${platform.console}/projects/static-folder/terminal`);
  await page.getByText("A static site has no container").waitFor();
  await expectAccessible(page, "no container");
});
