/** An application of several parts: drawn, tried, stood up with chosen tags, kept for longer, copied, taken away. */

import type { Locator, Page } from "playwright-core";
import { expect, it } from "vitest";
import { expectAccessible, expectTold } from "./browser";
import { Platform } from "./platform";
import { tellStories } from "./story";

let platform: Platform;
let page: Page;
let complaints: string[];
let registry: string;

tellStories({
  start: () => Platform.start({ repositories: [], hasAdmin: true }),
  begin: async (story) => {
    ({ platform, page, complaints } = story);
    registry = await platform.startRegistry("api", ["v1", "v2", "edge"]);
  },
});

const problems = () => page.getByRole("region", { name: "Problems" });
const node = (name: string) => page.locator(`.react-flow__node[data-id="${name}"]`);
const slot = (name: string) => page.getByRole("listitem", { name: `Slot ${name}`, exact: true });

async function addStep(choice: string): Promise<void> {
  await page.getByRole("button", { name: "Add a step" }).click();
  await page.getByRole("dialog").getByRole("button", { name: choice }).click();
}

async function rename(to: string): Promise<void> {
  await page.getByLabel("Name", { exact: true }).fill(to);
  await page.keyboard.press("Enter");
  await page.getByRole("region", { name: `Step ${to}` }).waitFor();
}

/** Where it has come to rest: what was drawn before moves the steps. */
async function placeOf(what: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
  for (let before = await what.boundingBox(); ; ) {
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    const now = await what.boundingBox();
    if (now !== null && before?.x === now.x && before.y === now.y) return now;
    before = now;
  }
}

async function drag(from: Locator, to: Locator): Promise<void> {
  const [a, b] = [await placeOf(from), await placeOf(to)];
  await page.mouse.move(a.x + a.width / 2, a.y + a.height / 2);
  await page.mouse.down();
  await page.mouse.move((a.x + b.x) / 2, (a.y + b.y) / 2, { steps: 5 });
  await page.mouse.move(b.x + b.width / 2, b.y + b.height / 2, { steps: 5 });
  await page.mouse.up();
}

const text = () => page.getByLabel("The pipeline as text").inputValue();

it("draws a pipeline, is told what is wrong with it, and saves it", async () => {
  await page.goto(`${platform.console}/projects/new`);
  await page.getByLabel("Name of the project").fill("shop");
  await page.getByRole("button", { name: "Begin with a pipeline" }).click();
  await page.getByRole("button", { name: "Begin", exact: true }).waitFor();
  await expectAccessible(page, "the ways to begin");
  await page.getByRole("button", { name: "Begin", exact: true }).click();

  await addStep("Service from an image");
  await rename("api");
  await page.getByLabel("Image", { exact: true }).fill(`${registry}/api:v1`);
  await page.getByLabel("Selectable tags").fill("v*");
  await page.getByLabel("Public", { exact: true }).fill("3000");

  await addStep("wait-for");
  await rename("check");
  await page.getByLabel("Tcp").fill("api");
  await problems().getByText("steps.check.parameters.tcp").waitFor();
  await expectAccessible(page, "the editor with a problem");
  await expect.poll(() => page.getByRole("button", { name: "Save", exact: true }).isDisabled(), { message: "what is wrong is not saved" }).toBe(true);
  await page.getByLabel("Tcp").fill("api:3000");
  await problems().getByText("Nothing is wrong").waitFor();

  await drag(node("api").locator(".source"), node("check").locator(".target"));
  await page.getByLabel("api", { exact: true }).and(page.locator(":checked")).waitFor();
  await drag(node("check").locator(".source"), node("api").locator(".target"));
  await expectTold(page, "That would be a circle: api → check → api.");

  await page.getByRole("button", { name: "YAML" }).click();
  await expect.poll(text).toContain("needs: [ api ]");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(text).not.toContain("needs");
  await page.getByRole("button", { name: "Do again" }).click();
  await expect.poll(text).toContain("needs: [ api ]");
  await page.getByLabel("The pipeline as text").fill(`# Ours since the spring\n${await text()}`);
  await node("check").click();
  await page.getByRole("button", { name: "check", exact: true }).click();
  await page.getByLabel("Wait (s)").fill("20");
  await page.getByRole("button", { name: "YAML" }).click();
  await expect.poll(text).toContain("wait_s: 20");
  await expect.poll(text, { message: "comments stay" }).toContain("# Ours since the spring");

  await problems().getByText("Nothing is wrong").waitFor();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByLabel("What was changed").fill("An API and a check");
  await expectAccessible(page, "saving");
  await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("link", { name: "Version 1" }).waitFor();
});

it("does the same by keyboard alone, and shows what a version changed", async () => {
  await page.getByRole("button", { name: "Steps", exact: true }).click();
  await page.keyboard.press("n");
  await page.getByLabel("Search steps").fill("http-request");
  await page.keyboard.press("Enter");
  await page.getByLabel("URL (needed)").first().fill("http://api:3000/");
  await page.getByRole("button", { name: "Steps", exact: true }).click();
  await page.getByRole("list", { name: "Steps in the order in which they run" }).getByRole("button", { name: /^check/ }).click();
  await page.getByRole("button", { name: "Connect the step" }).press("Enter");
  await page.getByLabel("Step", { exact: true }).selectOption("http-request");
  await page.getByRole("dialog").getByRole("button", { name: "Connect" }).press("Enter");
  await problems().getByText("Nothing is wrong").waitFor();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("link", { name: "Version 2" }).click();
  await page.getByRole("list", { name: "Changes" }).getByText("steps.http-request").first().waitFor();
  await expectAccessible(page, "versions");
  await page.getByRole("link", { name: /An API and a check/ }).click();
  await page.getByText("It is the first: there is nothing before it.").waitFor();
  await page.getByRole("button", { name: "Make it the latest again" }).click();
  await page.getByRole("heading", { name: "What version 3 changed" }).waitFor();
});

it("brings a compose file over, and says what was not carried over", async () => {
  await page.goto(`${platform.console}/projects/shop/pipeline`);
  await page.getByRole("button", { name: "More about the pipeline" }).click();
  await page.getByRole("menuitem", { name: "Import a compose file" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Compose file").fill("services:\n  web:\n    image: nginx:1\n    container_name: mine\n    network_mode: host\n");
  await dialog.getByRole("button", { name: "Look at it" }).click();
  await dialog.getByText("services.web.network_mode").waitFor();
  await dialog.getByText("services.web.container_name").waitFor();
  await expectAccessible(page, "what became of a compose file");
  await dialog.getByRole("button", { name: "Open in the editor" }).click();
  await node("web").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await node("api").waitFor();
});

it("stands up a copy with a chosen tag, keeps it, clones it with another, and takes that away", async () => {
  await page.goto(`${platform.console}/projects/shop/slots`);
  await page.getByRole("button", { name: "Stand up a copy" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: /^v2/ }).click();
  expect(await dialog.getByRole("button", { name: /^edge/ }).count(), "what does not match cannot be chosen").toBe(0);
  await dialog.getByRole("button", { name: "Would it fit?" }).click();
  await dialog.getByText("It could be deployed into local now").waitFor();
  await expectAccessible(page, "standing up a copy");
  await dialog.getByRole("button", { name: "Deploy" }).click();

  // Nobody reloads: steps and state come by themselves.
  await slot("qa-1").getByText("Production").first().waitFor();
  expect(await platform.visit("api.qa-1.local.localhost")).toBe("This is v2");
  await slot("qa-1").getByText("api:v2").waitFor();
  await expectAccessible(page, "a slot");

  await slot("qa-1").getByText("stays").waitFor();
  await slot("qa-1").getByRole("button", { name: "Extend" }).click();
  await page.getByRole("menuitem", { name: "One more day from now" }).click();
  await slot("qa-1").getByText("23 h 59 m left").or(slot("qa-1").getByText("1 d left")).waitFor();

  await slot("qa-1").getByRole("button", { name: "Clone" }).click();
  await dialog.getByLabel("Tag of api").fill("v1");
  await expectAccessible(page, "cloning");
  await dialog.getByRole("button", { name: "Clone", exact: true }).click();
  await slot("qa-2").getByText("Production").first().waitFor();
  expect(await platform.visit("api.qa-2.local.localhost")).toBe("This is v1");

  await slot("qa-1").getByRole("button", { name: /^QR code/ }).click();
  await dialog.getByRole("img", { name: /^QR code of http/ }).waitFor();
  await page.keyboard.press("Escape");

  await slot("qa-2").getByRole("button", { name: "More about qa-2" }).click();
  await page.getByRole("menuitem", { name: "Delete the slot" }).click();
  await dialog.getByRole("textbox").fill("qa-2");
  await dialog.getByRole("button", { name: "Delete the slot" }).click();
  await slot("qa-2").waitFor({ state: "detached" });
  expect(await platform.visit("api.qa-1.local.localhost"), "the other one is not touched").toBe("This is v2");
});

it("shows a run as a graph, and the lines of a step", async () => {
  await slot("qa-1").getByRole("link", { name: /^v1/ }).click();
  await page.getByRole("heading", { level: 1, name: /shop v1 Production/ }).waitFor();
  await node("api").waitFor();
  await expectAccessible(page, "a run");
  const steps = page.getByRole("list", { name: "Steps" });
  await steps.getByRole("button", { name: /check Succeeded/ }).click();
  await page.getByRole("log").getByText("api:3000 accepts connections").waitFor();
  await expect.poll(() => page.url()).toContain("step=check");
  await page.goto(`${platform.console}/`);
  await page.getByText("Slots that end within a day").waitFor();
  await expectAccessible(page, "home");
  // Whether a new project has a pipeline has to be asked.
  expect(complaints.filter((it) => !it.includes("404"))).toEqual([]);
});
