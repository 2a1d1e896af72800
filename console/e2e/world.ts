/** A server with a life behind it: projects that are live, one that failed, slots, a pipeline, a catalogue, variables, a token, nodes. */

import { Dns } from "./dns";
import { Platform } from "./platform";

export interface World {
  platform: Platform;
  /** Deployment ids by what they are. */
  live: string;
  /** The second of its slot. */
  again: string;
  failed: string;
  /** A run of a pipeline. */
  run: string;
  failedRun: string;
}

/** Three services and two plugins; the last step asks for `answer`. */
function shop(registry: string, answer: string): object {
  const listen = (port: number) => ["node", "-e", `require('http').createServer((_, response) => response.end('Hello')).listen(${port})`];
  return {
    version: 1,
    description: "A shop with a store and a cache",
    parameters: { greeting: { description: "What the shop calls itself", default: "Harbour shop" } },
    steps: {
      store: { kind: "service", image: "pierhead/node:22", command: listen(5000), ports: [5000], stop_grace_s: 1 },
      cache: { kind: "service", image: "pierhead/node:22", command: listen(6000), ports: [6000], stop_grace_s: 1 },
      "store-listens": { kind: "plugin", image: "pierhead/plugin-wait-for:1.0.0", parameters: { tcp: "store:5000" }, needs: ["store"] },
      api: {
        kind: "service",
        image: `${registry}/api:v1`,
        selectable_tags: "v*",
        public: 3000,
        needs: ["store-listens", "cache"],
        variables: { GREETING: "${{ parameters.greeting }}", STORE: "http://${{ steps.store.outputs.host }}:5000" },
        stop_grace_s: 1,
      },
      "api-answers": { kind: "plugin", image: "pierhead/plugin-http-request:1.0.0", parameters: { url: "http://api:3000/", expect_body: answer, wait_s: 2 }, needs: ["api"] },
    },
  };
}

/** A project that is a pipeline: a copy that ends soon, one that failed, three versions. */
async function standUpShop(platform: Platform): Promise<Pick<World, "run" | "failedRun">> {
  const registry = await platform.startRegistry("api", ["v1", "v2"]);
  await platform.call("POST", "/services", { name: "api", description: "The shop's API", image: `${registry}/api:v1`, selectable_tags: "v*", public: 3000, variables: { LOG_LEVEL: "info" } });
  await platform.call("POST", "/projects", { name: "shop" });
  await platform.call("PUT", "/projects/shop/pipeline?message=The+first+shop", shop(registry, "This"));
  const deploy = async (slot: string, tag: string) => {
    const { id } = await platform.call<{ id: string }>("POST", "/projects/shop/deployments", { slot, tags: { api: tag } });
    await platform.ended(id);
    return id;
  };
  const run = await deploy("checkout-bugfix", "v2");
  await platform.call("POST", "/projects/shop/slots/checkout-bugfix/extend", { lifetime_s: 8000 });
  await platform.call("PUT", "/projects/shop/pipeline?message=Ask+for+what+never+comes", shop(registry, "never"));
  const failedRun = await deploy("qa-1", "v1");
  await platform.call("PUT", "/projects/shop/pipeline?message=As+it+was", shop(registry, "This"));
  await platform.call("POST", "/templates", { name: "small-shop", pipeline: shop(registry, "This") });
  return { run, failedRun };
}

/** Hostnames of its own, one of them proved, and a chat that is told but does not answer. */
async function tellTheWorld(platform: Platform, dns: Dns): Promise<void> {
  const claim = await platform.call<{ records: { name: string; value: string }[] }>("PUT", "/projects/static-folder/domains/www.example.org", {});
  const [txt] = claim.records;
  if (txt !== undefined) dns.set("TXT", txt.name, txt.value);
  await platform.call("PUT", "/projects/static-folder/domains/harbour.example.com", {});
  for (const host of ["www.example.org", "harbour.example.com"]) await platform.call("POST", `/projects/static-folder/domains/${host}/verify`);
  await platform.call("POST", "/projects/static-folder/notifications", { name: "team-chat", format: "slack", url: "http://127.0.0.1:9/hook" });
  await platform.call("POST", "/projects/static-folder/notifications/team-chat/test");
}

export async function startWorld(): Promise<World> {
  const repositories = ["static-folder", "node-service", "vite-react", "broken"];
  const dns = await Dns.start();
  const platform = await Platform.start({ repositories, hasAdmin: true, variables: { PIERHEAD_DNS_RESOLVERS: dns.address } });
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
    await platform.call("POST", "/teams", { name: "storefront" });
    await platform.call("POST", "/teams/storefront/invitations", { email: "grace@example.com", role: "developer" });
    await platform.call("PUT", "/projects/static-folder/grants", { team: "storefront", scopes: ["read", "write"] });
    for (const name of ["node-service", "static-folder"]) {
      for (let visit = 0; visit < 40; visit += 1) await platform.visit(`${name}.localhost`, visit % 8 === 0 ? "/nowhere" : "/");
    }
    await tellTheWorld(platform, dns);
    await platform.call("POST", "/environments/local/nodes", { name: "berlin-2", address: "192.0.2.7:8410" });
    return { platform, live: live.id, again: again.id, failed: failed.id, ...(await standUpShop(platform)) };
  } catch (error) {
    await platform.stop();
    throw error;
  }
}

/** Every page that there is, by a name for its picture. */
export function pagesOf({ live, again, failed, run, failedRun }: World): Record<string, string> {
  return {
    home: "/",
    projects: "/projects",
    "new-project": "/projects/new",
    project: "/projects/node-service",
    "project-with-slot": "/projects/static-folder",
    "project-deployments": "/projects/static-folder/deployments",
    variables: "/projects/node-service/variables",
    settings: "/projects/node-service/settings",
    logs: "/projects/node-service/logs",
    metrics: "/projects/node-service/metrics?range=15m",
    "no-metrics": "/projects/vite-react/metrics",
    terminal: "/projects/node-service/terminal",
    "no-terminal": "/projects/static-folder/terminal",
    domains: "/projects/static-folder/domains",
    "no-domains": "/projects/node-service/domains",
    notifications: "/projects/static-folder/notifications?open=team-chat",
    "no-notifications": "/projects/node-service/notifications",
    deployments: "/deployments",
    deployment: `/deployments/${live}`,
    "deployment-plan": `/deployments/${live}?tab=plan`,
    "deployment-changes": `/deployments/${again}?tab=changes`,
    "deployment-events": `/deployments/${live}?tab=events`,
    "deployment-failed": `/deployments/${failed}`,
    pipeline: "/projects/shop/pipeline",
    "pipeline-versions": "/projects/shop/pipeline/versions?version=2",
    "project-of-pipeline": "/projects/shop",
    slots: "/projects/shop/slots",
    run: `/deployments/${run}`,
    "run-failed": `/deployments/${failedRun}`,
    services: "/services",
    service: "/services/api",
    plugins: "/plugins",
    plugin: "/plugins/postgres-database",
    templates: "/templates",
    environments: "/environments",
    node: "/nodes/local",
    "node-unreachable": "/nodes/berlin-2",
    registries: "/registries",
    access: "/projects/static-folder/access",
    teams: "/teams",
    team: "/teams/storefront",
    audit: "/audit",
    certificates: "/certificates",
    users: "/users",
    github: "/github",
    "github-app": "/github-app",
    keys: "/keys",
    tokens: "/account/tokens",
    profile: "/account/profile",
    "not-found": "/nothing-here",
  };
}

/** Holds the place of what is on its way: a page is there when none is left. */
export const SKELETON = "[data-skeleton]";
