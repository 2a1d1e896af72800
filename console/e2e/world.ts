/** A server with a life behind it: projects that are live, one that failed, a slot, variables, a token, nodes. */

import { Platform } from "./platform";

export interface World {
  platform: Platform;
  /** Deployment ids by what they are. */
  live: string;
  /** The second of its slot. */
  again: string;
  failed: string;
}

export async function startWorld(): Promise<World> {
  const repositories = ["static-folder", "node-service", "vite-react", "broken"];
  const platform = await Platform.start({ repositories, hasAdmin: true });
  try {
    await platform.deploy("static-folder");
    platform.push("static-folder", "index.html", "<h1>Opening hours</h1>", "Add opening hours for the winter");
    const again = await platform.deploy("static-folder");
    await platform.deploy("static-folder", "winter");
    const [live, failed] = await Promise.all([platform.deploy("node-service"), platform.deploy("broken"), platform.deploy("vite-react")]);
    await platform.call("PUT", "/projects/node-service/variables", {
      items: [
        { key: "DATABASE_URL", value: "postgres://shop:secret@db.internal/shop", secret: true, exposure: "runtime" },
        { key: "LOG_LEVEL", value: "info", secret: false, exposure: "runtime" },
        { key: "PUBLIC_NAME", value: "Harbour shop", secret: false, exposure: "all" },
      ],
    });
    await platform.call("POST", "/registries", { name: "team", host: "registry.example.com", username: "ci", password: "only-for-pictures" });
    await platform.call("POST", "/tokens", { name: "ci", scopes: ["read", "write"] });
    await platform.call("POST", "/environments/local/nodes", { name: "berlin-2", address: "192.0.2.7:8410" });
    return { platform, live: live.id, again: again.id, failed: failed.id };
  } catch (error) {
    await platform.stop();
    throw error;
  }
}

/** Every page that there is, by a name for its picture. */
export function pagesOf({ live, again, failed }: World): Record<string, string> {
  return {
    projects: "/projects",
    "new-project": "/projects/new",
    project: "/projects/node-service",
    "project-with-slot": "/projects/static-folder",
    "project-deployments": "/projects/static-folder/deployments",
    variables: "/projects/node-service/variables",
    settings: "/projects/node-service/settings",
    deployments: "/deployments",
    deployment: `/deployments/${live}`,
    "deployment-plan": `/deployments/${live}?tab=plan`,
    "deployment-changes": `/deployments/${again}?tab=changes`,
    "deployment-events": `/deployments/${live}?tab=events`,
    "deployment-failed": `/deployments/${failed}`,
    environments: "/environments",
    node: "/nodes/local",
    "node-unreachable": "/nodes/berlin-2",
    registries: "/registries",
    tokens: "/account/tokens",
    profile: "/account/profile",
    "not-found": "/nothing-here",
  };
}

/** Holds the place of what is on its way: a page is there when none is left. */
export const SKELETON = "[data-skeleton]";
