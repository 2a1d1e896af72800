/** Somebody is told of a deployment: the message is signed, what became of it is seen, and it can be sent again. */

import { createHmac } from "node:crypto";
import { type IncomingHttpHeaders, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { expectAccessible } from "./browser";
import { Platform } from "./platform";
import { tellStories } from "./story";

interface Heard {
  headers: IncomingHttpHeaders;
  body: string;
}

let platform: Platform;
let page: Page;
let complaints: string[];
const heard: Heard[] = [];
/** What the receiver answers next. */
let status = 204;
const receiver = createServer((request, response) => {
  let body = "";
  request.on("data", (piece: Buffer) => (body += piece.toString()));
  request.on("end", () => {
    heard.push({ headers: request.headers, body });
    response.writeHead(status).end();
  });
});

tellStories({
  start: async () => {
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    return Platform.start({ repositories: ["static-folder"], hasAdmin: true });
  },
  begin: async (story) => {
    ({ platform, page, complaints } = story);
    await platform.deploy("static-folder");
  },
  end: () => receiver.close(),
});

it("tells a program with a signature, and shows its secret once", async () => {
  await page.goto(`${platform.console}/projects/static-folder/notifications`);
  await page.getByText("Nobody is told").waitFor();
  await page.getByRole("button", { name: "Tell somebody" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("ci");
  await dialog.getByLabel("Address").fill(`http://127.0.0.1:${(receiver.address() as AddressInfo).port}/told?key=1`);
  await dialog.getByRole("checkbox", { name: /is being built/ }).uncheck();
  await expectAccessible(page, "tell somebody");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  const secret = await dialog.getByLabel("The secret").textContent();
  expect(secret).toMatch(/^whsec_/);
  await expectAccessible(page, "a secret that is shown once");
  await dialog.getByRole("button", { name: "I have copied it" }).click();

  const row = page.getByRole("listitem", { name: "ci" });
  await row.getByText("deployment.live, deployment.failed").waitFor();
  await row.getByRole("button", { name: "Test ci" }).click();
  const sent = row.getByRole("list", { name: "Sent to ci" }).getByRole("listitem");
  await sent.getByText("Delivered").waitFor();
  expect(heard).toHaveLength(1);
  const [{ headers, body }] = heard as [Heard];
  const id = String(headers["webhook-id"]);
  const signed = createHmac("sha256", Buffer.from((secret ?? "").slice("whsec_".length), "base64")).update(`${id}.${String(headers["webhook-timestamp"])}.${body}`).digest("base64");
  expect(headers["webhook-signature"]).toBe(`v1,${signed}`);
  await sent.getByRole("button", { expanded: false }).first().click();
  await sent.getByLabel("What was sent").waitFor();
  await expectAccessible(page, "what was sent");
});

it("says when a message was not taken, and sends the same again when somebody asks", async () => {
  heard.length = 0;
  // Gone for good: it is not tried again by itself.
  status = 410;
  await platform.deploy("static-folder");
  await page.goto(`${platform.console}/projects/static-folder/notifications?open=ci`);
  const sent = page.getByRole("list", { name: "Sent to ci" }).getByRole("listitem").filter({ hasText: "deployment.live" });
  await sent.getByText("Not delivered").waitFor();
  await sent.getByText(/410/).first().waitFor();
  status = 204;
  await sent.getByRole("button", { name: "Send deployment.live again" }).click();
  await sent.getByText("Delivered", { exact: true }).waitFor();
  expect(heard.map(({ headers }) => headers["webhook-id"]), "the same id each time").toEqual([heard[0]?.headers["webhook-id"], heard[0]?.headers["webhook-id"]]);
  expect(heard[1]?.body).toBe(heard[0]?.body);
});

it("tells nobody any more", async () => {
  await page.goto(`${platform.console}/projects/static-folder/notifications`);
  await page.getByRole("button", { name: "Delete ci" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("Nobody is told").waitFor();
  expect(complaints).toEqual([]);
});
