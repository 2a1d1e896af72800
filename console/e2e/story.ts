/** How most stories begin and end: a platform, and a browser in which its administrator is signed in. */

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";
import { type Watched, keepFailure, openBrowser, openPage, signIn } from "./browser";
import type { Platform } from "./platform";

export interface Story extends Watched {
  platform: Platform;
  browser: Browser;
}

interface Plan {
  /** What has to be there before the platform is started here as well. */
  start: () => Promise<Platform>;
  /** Takes what the stories of a file are told with, and prepares what they are about. */
  begin: (story: Story) => Promise<void> | void;
  /** Ends what was started beside the platform. */
  end?: () => void;
}

export function tellStories({ start, begin, end }: Plan): void {
  let platform: Platform | undefined;
  let browser: Browser | undefined;
  let watched: Watched | undefined;
  beforeAll(async () => {
    platform = await start();
    browser = await openBrowser();
    watched = await openPage(browser);
    await signIn(watched.context, platform);
    await begin({ ...watched, platform, browser });
  });
  afterAll(async () => {
    await browser?.close();
    await platform?.stop();
    end?.();
  });
  afterEach(async ({ task }) => {
    if (watched !== undefined && platform !== undefined) await keepFailure(task, watched.page, platform);
  });
}
