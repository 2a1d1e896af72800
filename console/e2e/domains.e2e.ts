/** A hostname of one's own: claimed, proved in DNS, visited, with a certificate that somebody brings. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { expectAccessible } from "./browser";
import { Dns } from "./dns";
import { Platform } from "./platform";
import { tellStories } from "./story";

const HOST = "www.example.org";

let dns: Dns;
let platform: Platform;
let page: Page;
let complaints: string[];

tellStories({
  start: async () => {
    dns = await Dns.start();
    return Platform.start({ repositories: ["static-folder"], hasAdmin: true, variables: { PIERHEAD_DNS_RESOLVERS: dns.address } });
  },
  begin: async (story) => {
    ({ platform, page, complaints } = story);
    await platform.deploy("static-folder");
    await platform.deploy("static-folder", "winter");
  },
  end: () => dns.stop(),
});

it("is served when DNS has the record that was shown, and not before", async () => {
  await page.goto(`${platform.console}/projects/static-folder/domains`);
  await page.getByText("No domain of your own").waitFor();
  await page.getByRole("button", { name: "Add a domain" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Hostname").fill("localhost");
  await dialog.getByRole("button", { name: "Add" }).click();
  await dialog.getByText("A single word is no domain").waitFor();
  // As it is copied from the bar of a browser.
  await dialog.getByLabel("Hostname").fill(`https://${HOST}/cart`);
  await expectAccessible(page, "add a domain");
  await dialog.getByRole("button", { name: "Add" }).click();

  const row = page.getByRole("listitem", { name: HOST });
  await row.getByRole("table").waitFor();
  await expectAccessible(page, "a domain that is not proved");
  expect(await platform.visit(HOST)).not.toContain("Pierhead example");
  await row.getByRole("button", { name: `Look at ${HOST} now` }).click();
  await row.getByText("Not proved").waitFor();
  await row.getByText(/no TXT at _pierhead record; no CNAME record/).waitFor();

  await row.getByRole("row", { name: /^TXT/ }).waitFor();
  const [name, value] = await row.getByRole("row", { name: /^TXT/ }).locator("td code").allTextContents();
  dns.set("TXT", name ?? "", value ?? "");
  await row.getByRole("button", { name: `Look at ${HOST} now` }).click();
  await row.getByText("Yours", { exact: true }).waitFor();
  await row.getByText("Served without TLS").waitFor();
  await expectAccessible(page, "a domain that is served");
  await expect.poll(() => platform.visit(HOST)).toContain("Pierhead example: static-folder");
});

it("shows another slot when that is wanted", async () => {
  await page.goto(`${platform.console}/projects/static-folder/domains`);
  const row = page.getByRole("listitem", { name: HOST });
  await row.getByText("shows production").waitFor();
  await row.getByRole("button", { name: `More about ${HOST}` }).click();
  await page.getByRole("menuitem", { name: "Show another slot" }).click();
  await page.getByRole("dialog").getByLabel("Shows the slot").selectOption("winter");
  await page.getByRole("dialog").getByRole("button", { name: "Change" }).click();
  await row.getByText("shows winter").waitFor();
});

it("takes a certificate that fits, and says why another does not", async () => {
  const certificate = selfSigned(HOST, 90);
  await page.goto(`${platform.console}/projects/static-folder/domains`);
  await page.getByRole("button", { name: "Hand one over" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Chain", { exact: true }).fill(certificate.chain);
  await dialog.getByLabel("Key", { exact: true }).fill(selfSigned(HOST, 90).key);
  await dialog.getByRole("button", { name: "Hand it over" }).click();
  await dialog.getByRole("alert").getByText("The certificate was not taken").waitFor();
  await expectAccessible(page, "a certificate that is refused");
  await dialog.getByLabel("Key from a file").setInputFiles({ name: "key.pem", mimeType: "application/x-pem-file", buffer: Buffer.from(certificate.key) });
  await dialog.getByRole("button", { name: "Hand it over" }).click();
  await dialog.waitFor({ state: "detached" });
  const row = page.getByRole("list", { name: "Certificates", exact: true }).getByRole("listitem");
  await row.getByText(/Handed over by/).waitFor();
  await row.getByText(/^good, ends/).waitFor();
  await page.getByRole("listitem", { name: HOST }).getByText("the certificate that was handed over").waitFor();

  await row.getByRole("button", { name: "Delete the certificate" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("No certificates").waitFor();
});

it("is given up", async () => {
  await page.goto(`${platform.console}/projects/static-folder/domains`);
  await page.getByRole("button", { name: `More about ${HOST}` }).click();
  await page.getByRole("menuitem", { name: "Give it up" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Give it up" }).click();
  await page.getByText("No domain of your own").waitFor();
  await expect.poll(() => platform.visit(HOST)).not.toContain("Pierhead example");
  // What was refused on purpose is complained about by the browser too.
  expect(complaints.filter((it) => !it.includes("422") && !it.includes("400"))).toEqual([]);
});

function selfSigned(host: string, days: number): { chain: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), "pierhead-e2e-tls-"));
  const [key, chain] = [join(folder, "key.pem"), join(folder, "chain.pem")];
  const words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", chain, "-days", String(days), "-subj", `/CN=${host}`, "-addext", `subjectAltName=DNS:${host}`];
  execFileSync("openssl", words, { stdio: "pipe" });
  const made = { key: readFileSync(key, "utf8"), chain: readFileSync(chain, "utf8") };
  rmSync(folder, { recursive: true });
  return made;
}
