// Fails when the first pages of somebody who is signed in load too much JavaScript.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT_KB = 170;
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));

/** All that has to be there before a module runs. */
function withImports(name, found = new Set()) {
  const chunk = manifest[name];
  if (chunk === undefined) throw new Error(`${name} is not in the build: where is it now?`);
  if (!found.has(name)) {
    found.add(name);
    for (const imported of chunk.imports ?? []) withImports(imported, found);
  }
  return found;
}

const FIRST = { Home: "src/home/home-page.tsx", "The list of projects": "src/projects/list-page.tsx" };
for (const [page, module] of Object.entries(FIRST)) measure(page, withImports(module, withImports("index.html")));

function measure(page, names) {
  const files = [...names].map((name) => manifest[name].file).filter((file) => file.endsWith(".js"));
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length, 0);
  const kilobytes = bytes / 1000;
  console.log(`${page} loads ${kilobytes.toFixed(1)} kB of JavaScript (gzip, ${files.length} files); at most ${LIMIT_KB} kB.`);
  if (kilobytes > LIMIT_KB) {
    console.error("That is too much: load what is not needed at once with `lazy` or `lazyRouteComponent`.");
    process.exit(1);
  }
}
