import { defineConfig } from "vitest/config";

/** A real browser and a real server, one story after the other: they share neither. */
const shared = {
  environment: "node",
  fileParallelism: false,
  // Visiting every page twice takes more than a minute, and longer where the machine is slower.
  testTimeout: 600_000,
  hookTimeout: 300_000,
  // What a page has just done may take as long as finding something on it (`openPage`).
  expect: { poll: { timeout: 60_000 } },
} as const;

export default defineConfig({
  test: {
    projects: [
      { test: { ...shared, name: "e2e", include: ["e2e/**/*.e2e.ts"] } },
      { test: { ...shared, name: "screenshots", include: ["e2e/screenshots.ts"], testTimeout: 1_200_000 } },
    ],
  },
});
