import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { client } from "./api/cache";
import {
  type DeploymentState,
  deploymentListQuery,
  deploymentQuery,
  environmentsQuery,
  projectListQuery,
  projectQuery,
  registriesQuery,
  slotsQuery,
  tokensQuery,
  variablesQuery,
} from "./api/queries";
import { session } from "./api/session";
import { AppShell } from "./shell/app-shell";
import { NotFound, PageFailed } from "./shell/failures";
import { count, oneOf, text } from "./lib/search";
import { type AuditFilter, grantsQuery, teamQuery, teamsQuery } from "./teams/queries";
import { githubQuery } from "./github/queries";
import { projectMetricsQuery } from "./metrics/queries";
import { RANGES, type RangeSearch } from "./metrics/ranges";
import { domainsQuery } from "./domains/queries";
import { notificationsQuery } from "./notifications/queries";
import { pipelineQuery, pluginsQuery, servicesQuery, templatesQuery } from "./pipelines/queries";
import { ALL_STATES } from "./deployments/states";

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound, errorComponent: PageFailed });

const setup = createRoute({
  getParentRoute: () => root,
  path: "/setup",
  component: lazyRouteComponent(() => import("./access/setup-page"), "SetupPage"),
});

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: (search): { next?: string | undefined; problem?: string | undefined } => ({ next: text(search["next"]), problem: text(search["problem"]) }),
  beforeLoad: ({ search }) => {
    if (session.isSignedIn) throw redirect({ href: inside(search.next) });
  },
  component: lazyRouteComponent(() => import("./access/login-page"), "LoginPage"),
});

const signUp = createRoute({
  getParentRoute: () => root,
  path: "/sign-up",
  beforeLoad: () => {
    if (session.isSignedIn) throw redirect({ to: "/" });
  },
  component: lazyRouteComponent(() => import("./access/sign-up-page"), "SignUpPage"),
});

const reset = createRoute({
  getParentRoute: () => root,
  path: "/reset",
  component: lazyRouteComponent(() => import("./access/reset-page"), "ResetPage"),
});

const invitation = createRoute({
  getParentRoute: () => root,
  path: "/invitation",
  component: lazyRouteComponent(() => import("./access/invitation-page"), "InvitationPage"),
});

const app = createRoute({
  getParentRoute: () => root,
  id: "app",
  beforeLoad: ({ location }) => {
    if (session.isSignedIn) return;
    throw redirect({ to: "/login", search: { next: location.href === "/" ? undefined : location.href } });
  },
  component: AppShell,
  notFoundComponent: NotFound,
});

/** An ingress sends browsers here that may visit a protected hostname once they are signed in; the server lets them in. */
const visit = createRoute({
  getParentRoute: () => app,
  path: "/visit",
  validateSearch: (search): { host?: string | undefined; path?: string | undefined } => ({
    host: text(search["host"]),
    path: text(search["path"]),
  }),
  beforeLoad: ({ search }) => {
    const asked = new URLSearchParams({ host: search.host ?? "", path: search.path ?? "/" });
    window.location.replace(`/visit?${asked.toString()}`);
    // The page that comes is not the console's.
    return new Promise<never>(() => undefined);
  },
});

const home = createRoute({
  getParentRoute: () => app,
  path: "/",
  loader: () => {
    ahead(client.infiniteQuery(deploymentListQuery({}, 100)));
    ahead(client.query(environmentsQuery()));
  },
  component: lazyRouteComponent(() => import("./home/home-page"), "HomePage"),
});

const projects = createRoute({
  getParentRoute: () => app,
  path: "/projects",
  validateSearch: (search): { q?: string | undefined } => ({ q: text(search["q"]) }),
  loaderDeps: ({ search }) => search,
  loader: ({ deps }) => ahead(client.infiniteQuery(projectListQuery(deps.q ?? ""))),
  component: lazyRouteComponent(() => import("./projects/list-page"), "ProjectListPage"),
});

const newProject = createRoute({
  getParentRoute: () => app,
  path: "/projects/new",
  validateSearch: (search): { repository?: string | undefined; github?: boolean | undefined; project?: string | undefined; deployment?: string | undefined } => ({
    repository: text(search["repository"]),
    github: search["github"] === true ? true : undefined,
    project: text(search["project"]),
    deployment: text(search["deployment"]),
  }),
  component: lazyRouteComponent(() => import("./projects/new/wizard-page"), "WizardPage"),
});

const project = createRoute({
  getParentRoute: () => app,
  path: "/projects/$project",
  loader: ({ params }) => ahead(client.query(projectQuery(params.project))),
  component: lazyRouteComponent(() => import("./projects/project-layout"), "ProjectLayout"),
});

const overview = createRoute({
  getParentRoute: () => project,
  path: "/",
  loader: ({ params }) => {
    ahead(client.query(slotsQuery(params.project)));
    ahead(client.query(pipelineQuery(params.project)));
    ahead(client.infiniteQuery(deploymentListQuery({ project: params.project }, 10)));
  },
  component: lazyRouteComponent(() => import("./projects/overview-page"), "OverviewPage"),
});

interface DeploymentSearch {
  state?: DeploymentState | undefined;
  slot?: string | undefined;
}

const deploymentFilter = (search: Record<string, unknown>): DeploymentSearch => ({
  state: oneOf(search["state"], ALL_STATES),
  slot: text(search["slot"]),
});

/** What is looked for in a log. */
interface LogSearch {
  q?: string | undefined;
  step?: string | undefined;
  stream?: "stdout" | "stderr" | "system" | undefined;
  /** Of replicas on several nodes: whose. */
  node?: string | undefined;
}

interface LogsSearch extends LogSearch {
  slot?: string | undefined;
}

const logSearch = (search: Record<string, unknown>): LogSearch => ({
  q: text(search["q"]),
  step: text(search["step"]),
  stream: oneOf(search["stream"], ["stdout", "stderr", "system"] as const),
  node: text(search["node"]),
});

const projectDeployments = createRoute({
  getParentRoute: () => project,
  path: "/deployments",
  validateSearch: deploymentFilter,
  component: lazyRouteComponent(() => import("./projects/deployments-page"), "ProjectDeploymentsPage"),
});

const variables = createRoute({
  getParentRoute: () => project,
  path: "/variables",
  loader: ({ params }) => ahead(client.query(variablesQuery(params.project))),
  component: lazyRouteComponent(() => import("./variables/variables-page"), "VariablesPage"),
});

const pipeline = createRoute({
  getParentRoute: () => project,
  path: "/pipeline",
  loader: ({ params }) => ahead(client.query(pipelineQuery(params.project))),
  component: lazyRouteComponent(() => import("./pipelines/pipeline-page"), "PipelinePage"),
});

const pipelineVersions = createRoute({
  getParentRoute: () => project,
  path: "/pipeline/versions",
  validateSearch: (search): { version?: number | undefined; against?: number | undefined } => ({
    version: count(search["version"]),
    against: count(search["against"]),
  }),
  component: lazyRouteComponent(() => import("./pipelines/versions-page"), "PipelineVersionsPage"),
});

const slots = createRoute({
  getParentRoute: () => project,
  path: "/slots",
  validateSearch: (search): { environment?: string | undefined } => ({ environment: text(search["environment"]) }),
  loader: ({ params }) => ahead(client.query(slotsQuery(params.project))),
  component: lazyRouteComponent(() => import("./slots/slots-page"), "SlotsPage"),
});

const domains = createRoute({
  getParentRoute: () => project,
  path: "/domains",
  loader: ({ params }) => ahead(client.query(domainsQuery(params.project))),
  component: lazyRouteComponent(() => import("./domains/domains-page"), "DomainsPage"),
});

const notifications = createRoute({
  getParentRoute: () => project,
  path: "/notifications",
  validateSearch: (search): { open?: string | undefined } => ({ open: text(search["open"]) }),
  loader: ({ params }) => ahead(client.query(notificationsQuery(params.project))),
  component: lazyRouteComponent(() => import("./notifications/notifications-page"), "NotificationsPage"),
});

const logs = createRoute({
  getParentRoute: () => project,
  path: "/logs",
  validateSearch: (search): LogsSearch => ({ slot: text(search["slot"]), ...logSearch(search) }),
  loader: ({ params }) => ahead(client.query(slotsQuery(params.project))),
  component: lazyRouteComponent(() => import("./projects/logs-page"), "LogsPage"),
});

interface MetricsSearch extends RangeSearch {
  slot?: string | undefined;
  service?: string | undefined;
}

const rangeSearch = (search: Record<string, unknown>): RangeSearch => ({
  range: oneOf(search["range"], RANGES),
  from: count(search["from"]),
  to: count(search["to"]),
});

const metrics = createRoute({
  getParentRoute: () => project,
  path: "/metrics",
  validateSearch: (search): MetricsSearch => ({ ...rangeSearch(search), slot: text(search["slot"]), service: text(search["service"]) }),
  loaderDeps: ({ search }) => search,
  loader: ({ params, deps }) => ahead(client.query(projectMetricsQuery(params.project, deps))),
  component: lazyRouteComponent(() => import("./metrics/metrics-page"), "MetricsPage"),
});

interface TerminalSearch {
  slot?: string | undefined;
  service?: string | undefined;
  replica?: number | undefined;
}

const terminal = createRoute({
  getParentRoute: () => project,
  path: "/terminal",
  validateSearch: (search): TerminalSearch => ({ slot: text(search["slot"]), service: text(search["service"]), replica: count(search["replica"]) }),
  loader: ({ params }) => ahead(client.query(slotsQuery(params.project))),
  component: lazyRouteComponent(() => import("./terminal/terminal-page"), "TerminalPage"),
});

const access = createRoute({
  getParentRoute: () => project,
  path: "/access",
  loader: ({ params }) => ahead(client.query(grantsQuery(params.project))),
  component: lazyRouteComponent(() => import("./projects/access-page"), "AccessPage"),
});

const settings = createRoute({
  getParentRoute: () => project,
  path: "/settings",
  component: lazyRouteComponent(() => import("./projects/settings/settings-page"), "SettingsPage"),
});

const deployments = createRoute({
  getParentRoute: () => app,
  path: "/deployments",
  validateSearch: (search): Pick<DeploymentSearch, "state"> => ({ state: oneOf(search["state"], ALL_STATES) }),
  component: lazyRouteComponent(() => import("./deployments/list-page"), "DeploymentListPage"),
});

interface DeploymentPageSearch extends LogSearch {
  tab?: "log" | "plan" | "changes" | "events" | undefined;
}

const deployment = createRoute({
  getParentRoute: () => app,
  path: "/deployments/$id",
  validateSearch: (search): DeploymentPageSearch => ({
    tab: oneOf(search["tab"], ["log", "plan", "changes", "events"] as const),
    ...logSearch(search),
  }),
  loader: ({ params }) => ahead(client.query(deploymentQuery(params.id))),
  component: lazyRouteComponent(() => import("./deployments/deployment-page"), "DeploymentPage"),
});

const environments = createRoute({
  getParentRoute: () => app,
  path: "/environments",
  loader: () => ahead(client.query(environmentsQuery())),
  component: lazyRouteComponent(() => import("./environments/environments-page"), "EnvironmentsPage"),
});

const node = createRoute({
  getParentRoute: () => app,
  path: "/nodes/$node",
  validateSearch: rangeSearch,
  component: lazyRouteComponent(() => import("./environments/node-page"), "NodePage"),
});

const registries = createRoute({
  getParentRoute: () => app,
  path: "/registries",
  loader: () => ahead(client.query(registriesQuery())),
  component: lazyRouteComponent(() => import("./registries/registries-page"), "RegistriesPage"),
});

const services = createRoute({
  getParentRoute: () => app,
  path: "/services",
  loader: () => ahead(client.query(servicesQuery())),
  component: lazyRouteComponent(() => import("./catalogue/services-page"), "ServicesPage"),
});

const service = createRoute({
  getParentRoute: () => app,
  path: "/services/$service",
  component: lazyRouteComponent(() => import("./catalogue/service-page"), "ServicePage"),
});

const plugins = createRoute({
  getParentRoute: () => app,
  path: "/plugins",
  loader: () => ahead(client.query(pluginsQuery())),
  component: lazyRouteComponent(() => import("./catalogue/plugins-page"), "PluginsPage"),
});

const plugin = createRoute({
  getParentRoute: () => app,
  path: "/plugins/$plugin",
  component: lazyRouteComponent(() => import("./catalogue/plugin-page"), "PluginPage"),
});

const templates = createRoute({
  getParentRoute: () => app,
  path: "/templates",
  loader: () => ahead(client.query(templatesQuery())),
  component: lazyRouteComponent(() => import("./catalogue/templates-page"), "TemplatesPage"),
});

const teams = createRoute({
  getParentRoute: () => app,
  path: "/teams",
  loader: () => ahead(client.query(teamsQuery())),
  component: lazyRouteComponent(() => import("./teams/teams-page"), "TeamsPage"),
});

const team = createRoute({
  getParentRoute: () => app,
  path: "/teams/$team",
  loader: ({ params }) => ahead(client.query(teamQuery(params.team))),
  component: lazyRouteComponent(() => import("./teams/team-page"), "TeamPage"),
});

const audit = createRoute({
  getParentRoute: () => app,
  path: "/audit",
  validateSearch: (search): AuditFilter => ({
    actor: text(search["actor"]),
    action: text(search["action"]),
    target: text(search["target"]),
    project: text(search["project"]),
    since: text(search["since"]),
    until: text(search["until"]),
  }),
  component: lazyRouteComponent(() => import("./audit/audit-page"), "AuditPage"),
});

const tokens = createRoute({
  getParentRoute: () => app,
  path: "/account/tokens",
  loader: () => ahead(client.query(tokensQuery())),
  component: lazyRouteComponent(() => import("./account/tokens-page"), "TokensPage"),
});

const device = createRoute({
  getParentRoute: () => app,
  path: "/device",
  validateSearch: (search): { code?: string | undefined } => ({ code: text(search["code"]) }),
  component: lazyRouteComponent(() => import("./account/device-page"), "DevicePage"),
});

const certificates = createRoute({
  getParentRoute: () => app,
  path: "/certificates",
  component: lazyRouteComponent(() => import("./domains/platform-certificates-page"), "PlatformCertificatesPage"),
});

/** GitHub comes back here, with a code or with a refusal. */
const github = createRoute({
  getParentRoute: () => app,
  path: "/github",
  validateSearch: (search): { installation?: number | undefined; q?: string | undefined; code?: string | undefined; state?: string | undefined; error?: string | undefined } => ({
    installation: count(search["installation"]),
    q: text(search["q"]),
    code: text(search["code"]),
    state: text(search["state"]),
    error: text(search["error"]),
  }),
  loader: () => ahead(client.query(githubQuery())),
  component: lazyRouteComponent(() => import("./github/github-page"), "GithubPage"),
});

const githubApp = createRoute({
  getParentRoute: () => app,
  path: "/github-app",
  validateSearch: (search): { code?: string | undefined } => ({ code: text(search["code"]) }),
  loader: () => ahead(client.query(githubQuery())),
  component: lazyRouteComponent(() => import("./github/app-page"), "GithubAppPage"),
});

const sealing = createRoute({
  getParentRoute: () => app,
  path: "/keys",
  component: lazyRouteComponent(() => import("./sealing/keys-page"), "KeysPage"),
});

const users = createRoute({
  getParentRoute: () => app,
  path: "/users",
  component: lazyRouteComponent(() => import("./users/users-page"), "UsersPage"),
});

const profile = createRoute({
  getParentRoute: () => app,
  path: "/account/profile",
  validateSearch: (search): { problem?: string | undefined } => ({ problem: text(search["problem"]) }),
  component: lazyRouteComponent(() => import("./account/profile-page"), "ProfilePage"),
});

/** Inside the frame, so that one can go on from there. */
const nowhere = createRoute({ getParentRoute: () => app, path: "$", component: NotFound });

/** Asks early and lets the page wait for it: whatever goes wrong is shown there. */
function ahead(asked: Promise<unknown>): void {
  asked.catch(() => undefined);
}

/** Only paths of the console: an address from a link must not lead elsewhere after signing in. */
function inside(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])/.test(next) ? next : "/";
}

export const router = createRouter({
  routeTree: root.addChildren([
    setup,
    login,
    signUp,
    reset,
    invitation,
    app.addChildren([
      home,
      visit,
      projects,
      newProject,
      project.addChildren([overview, pipeline, pipelineVersions, slots, projectDeployments, logs, metrics, terminal, variables, domains, notifications, access, settings]),
      deployments,
      deployment,
      environments,
      node,
      services,
      service,
      plugins,
      plugin,
      templates,
      registries,
      teams,
      team,
      audit,
      users,
      device,
      certificates,
      github,
      githubApp,
      sealing,
      tokens,
      profile,
      nowhere,
    ]),
  ]),
  basepath: "/console",
  defaultPreload: "intent",
  // The query cache decides what is fresh.
  defaultPreloadStaleTime: 0,
  defaultErrorComponent: PageFailed,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
