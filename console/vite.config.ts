/// <reference types="vitest/config" />
import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { type Plugin, defineConfig } from "vite";

const environment = (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env ?? {};
const server = environment["PIERHEAD_DEV_SERVER"] ?? "http://127.0.0.1:8400";

/** The server compares a WebSocket's `Origin` with its `Host`, so the proxy must not rewrite either. */
const proxy = {
  "/api": { target: server, changeOrigin: false, ws: true },
  "/docs": { target: server, changeOrigin: false },
};

/** What the server sends with the console, so that a preview finds violations. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action https://github.com",
  "frame-ancestors 'none'",
].join("; ");

/**
 * The terminal's library writes style sheets and style attributes as text, which the policy forbids. Its calls are exchanged for ours,
 * which do the same through the CSSOM; a version of it that is written otherwise is told here, and not first by a terminal without colours.
 */
function terminalUnderPolicy(): Plugin {
  const ours = 'import { setStyle as __setStyle, styleElement as __styleElement } from "@/terminal/written-styles";\n';
  const exchanged: [theirs: RegExp, ours: string, times: number][] = [
    [/[\w$.]+\.createElement\("style"\)/g, "__styleElement()", 3],
    [/([\w$]+)\.setAttribute\("style",/g, "__setStyle($1,", 1],
  ];
  return {
    name: "terminal-under-policy",
    transform(code, id) {
      if (!id.endsWith("/@xterm/xterm/lib/xterm.mjs")) return null;
      for (const [theirs, , times] of exchanged) {
        const found = code.match(theirs)?.length ?? 0;
        if (found !== times) this.error(`${theirs.source} is ${found} times in the terminal's library instead of ${times}: what does it write now?`);
      }
      return { code: ours + exchanged.reduce((text, [theirs, our]) => text.replaceAll(theirs, our), code), map: null };
    },
  };
}

export default defineConfig({
  base: "/console/",
  plugins: [react(), tailwindcss(), terminalUnderPolicy()],
  resolve: { alias: { "@": fileURLToPath(new URL("src", import.meta.url)) } },
  server: { proxy },
  preview: { proxy, headers: { "content-security-policy": policy } },
  build: {
    target: "es2023",
    manifest: true,
    // Inlined assets would need `data:` in more places of the content security policy.
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            // What every page needs changes with our dependencies, not with our pages: browsers keep it over upgrades.
            { name: "framework", test: /node_modules\/(react|react-dom|scheduler|@tanstack\/(react-query|query-core|react-router|router-core|history|store|react-store)|openapi-fetch)\// },
            // Icons and small parts that several pages share, together instead of one by one.
            { name: "shared", test: /src\/(ui\/(?!menu|dialog|confirm|yaml)|lib|api|shell|deployments\/(?!rollback|plan|changes|facts|actions))|lucide-react/, minShareCount: 3, maxModuleSize: 12_000 },
            // What opens over a page, and places itself: no page needs it to be seen.
            { name: "overlays", test: /src\/ui\/(menu|dialog|confirm)/ },
          ],
        },
      },
    },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
