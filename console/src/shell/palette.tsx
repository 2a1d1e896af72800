import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { Command } from "cmdk";
import { BookOpen, Box, Boxes, Keyboard, LogOut, Plug, Plus, Rocket, Server, SunMoon, Users } from "lucide-react";
import { type ReactNode, useDeferredValue, useState } from "react";
import { answer, api } from "@/api/client";
import { environmentsQuery, nodesQuery } from "@/api/queries";
import { pluginsQuery, servicesQuery } from "@/pipelines/queries";
import { teamsQuery } from "@/teams/queries";
import { StateChip } from "@/deployments/state-chip";
import { shownKeys, useActiveShortcuts } from "@/lib/shortcuts";
import { Dialog } from "@/ui/dialog";
import { Keys } from "@/ui/keys";
import { signOut } from "@/access/sign-out";
import { ALL_PLACES } from "./places";
import { toggleTheme } from "./theme";

const FOUND_AT_MOST = 8;
/** Where one goes in a project that was found. */
const PARTS = [
  { to: "/projects/$project/pipeline", label: "Pipeline" },
  { to: "/projects/$project/slots", label: "Slots" },
  { to: "/projects/$project/deployments", label: "Deployments" },
  { to: "/projects/$project/logs", label: "Logs" },
  { to: "/projects/$project/metrics", label: "Metrics" },
  { to: "/projects/$project/variables", label: "Variables" },
  { to: "/projects/$project/domains", label: "Domains" },
  { to: "/projects/$project/notifications", label: "Notifications" },
  { to: "/projects/$project/access", label: "Access" },
  { to: "/projects/$project/settings", label: "Settings" },
] as const;

/** Finds things and does things, from everywhere. */
export default function Palette({ onClose, onShortcuts }: { onClose: () => void; onShortcuts: () => void }) {
  const navigate = useNavigate();
  const [search, setSearch] = useState("");
  const found = useFound(useDeferredValue(search.trim()));
  const here = useParams({ strict: false }).project;
  const pageActions = useActiveShortcuts().filter(({ group }) => group === "This page");
  // The project that was found, or the one that one is in.
  const part = search === "" ? here : (found.projects[0]?.name ?? here);
  const then = (run: () => void) => () => {
    onClose();
    run();
  };
  return (
    <Dialog isOpen onClose={onClose} title="Search and commands" isTitleHidden isHigh width="medium">
      <Command label="Search and commands" loop className="flex min-h-0 flex-col">
        <Command.Input
          autoFocus
          value={search}
          onValueChange={setSearch}
          placeholder="Search projects, deployments, nodes, or do something"
          className="h-12 border-b border-line bg-transparent px-4 text-base outline-none placeholder:text-faint max-sm:text-lg"
        />
        <Command.List className="max-h-[min(26rem,60dvh)] overflow-y-auto overscroll-contain p-1.5">
          <Command.Empty className="px-3 py-8 text-center text-sm text-muted">Nothing is called “{search}”.</Command.Empty>
          {pageActions.length > 0 && (
            <Group heading="On this page">
              {pageActions.map(({ keys, label, run }) => (
                <Item key={label} value={`action ${label}`} onSelect={then(run)} keys={keys}>
                  {label}
                </Item>
              ))}
            </Group>
          )}
          {found.projects.length > 0 && (
            <Group heading="Projects">
              {found.projects.map(({ id, name, url }) => (
                <Item
                  key={id}
                  value={`project ${name}`}
                  icon={<Boxes />}
                  onSelect={then(() => void navigate({ to: "/projects/$project", params: { project: name } }))}
                >
                  <span className="shrink-0">{name}</span> <span className="truncate text-muted">{url.replace(/^https?:\/\//, "")}</span>
                </Item>
              ))}
            </Group>
          )}
          {part !== undefined && (
            <Group heading={`In ${part}`}>
              {PARTS.map(({ to, label }) => (
                <Item key={to} value={`${part} ${label}`} icon={<Boxes />} onSelect={then(() => void navigate({ to, params: { project: part } }))}>
                  {part} › {label}
                </Item>
              ))}
            </Group>
          )}
          {found.deployments.length > 0 && (
            <Group heading="Deployments">
              {found.deployments.map(({ id, project, number, state, commit }) => (
                <Item
                  key={id}
                  value={`deployment ${id} ${project} v${number} ${commit?.hash ?? ""} ${commit?.message ?? ""}`}
                  icon={<Rocket />}
                  onSelect={then(() => void navigate({ to: "/deployments/$id", params: { id } }))}
                >
                  <span className="shrink-0">
                    {project} <span className="tabular text-muted">v{number}</span>
                  </span>
                  <span className="min-w-0 flex-1 truncate text-muted">{commit?.message}</span>
                  <StateChip state={state} />
                </Item>
              ))}
            </Group>
          )}
          {found.nodes.length > 0 && search !== "" && (
            <Group heading="Nodes">
              {found.nodes.map(({ id, name, status }) => (
                <Item
                  key={id}
                  value={`node ${name}`}
                  icon={<Server />}
                  onSelect={then(() => void navigate({ to: "/nodes/$node", params: { node: name } }))}
                >
                  {name} <span className="text-muted">{status}</span>
                </Item>
              ))}
            </Group>
          )}
          {search !== "" && found.services.length > 0 && (
            <Group heading="Services of the catalogue">
              {found.services.map(({ name, description }) => (
                <Item key={name} value={`service ${name}`} icon={<Box />} onSelect={then(() => void navigate({ to: "/services/$service", params: { service: name } }))}>
                  {name} <span className="truncate text-muted">{description}</span>
                </Item>
              ))}
            </Group>
          )}
          {search !== "" && found.plugins.length > 0 && (
            <Group heading="Plugins">
              {found.plugins.map(({ name, description }) => (
                <Item key={name} value={`plugin ${name}`} icon={<Plug />} onSelect={then(() => void navigate({ to: "/plugins/$plugin", params: { plugin: name } }))}>
                  {name} <span className="truncate text-muted">{description}</span>
                </Item>
              ))}
            </Group>
          )}
          {search !== "" && found.teams.length > 0 && (
            <Group heading="Teams">
              {found.teams.map(({ name }) => (
                <Item key={name} value={`team ${name}`} icon={<Users />} onSelect={then(() => void navigate({ to: "/teams/$team", params: { team: name } }))}>
                  {name}
                </Item>
              ))}
            </Group>
          )}
          <Group heading="Go to">
            {ALL_PLACES.map(({ to, label, icon: Icon, keys }) => (
              <Item key={to} value={`go to ${label}`} icon={<Icon />} keys={keys} onSelect={then(() => void navigate({ to }))}>
                {label}
              </Item>
            ))}
            <Item value="go to api reference docs" icon={<BookOpen />} onSelect={then(() => void window.open("/api/docs", "_blank", "noreferrer"))}>
              API reference
            </Item>
          </Group>
          <Group heading="Do">
            <Item value="new project create deploy" icon={<Plus />} onSelect={then(() => void navigate({ to: "/projects/new" }))}>
              New project
            </Item>
            <Item value="theme light dark" icon={<SunMoon />} keys="Mod+." onSelect={then(toggleTheme)}>
              Light or dark
            </Item>
            <Item value="keyboard shortcuts help" icon={<Keyboard />} keys="?" onSelect={then(onShortcuts)}>
              Keyboard shortcuts
            </Item>
            <Item value="sign out log out" icon={<LogOut />} onSelect={then(() => void signOut())}>
              Sign out
            </Item>
          </Group>
        </Command.List>
      </Command>
    </Dialog>
  );
}

/** The first key is answered by what is known; the server adds what it finds. */
function useFound(search: string) {
  const projects = useQuery({
    queryKey: ["projects", "palette", search],
    queryFn: ({ signal }) =>
      answer(api.GET("/api/v1/projects", { signal, params: { query: { q: search || undefined, limit: FOUND_AT_MOST } } })),
    placeholderData: (before) => before,
  });
  const deployments = useQuery({
    queryKey: ["deployments", "palette"],
    queryFn: ({ signal }) => answer(api.GET("/api/v1/deployments", { signal, params: { query: { limit: 100 } } })),
  });
  const environment = useQuery(environmentsQuery()).data?.[0]?.name;
  const nodes = useQuery({ ...nodesQuery(environment ?? ""), enabled: environment !== undefined });
  const all = deployments.data?.items ?? [];
  return {
    projects: projects.data?.items ?? [],
    deployments: search === "" ? all.slice(0, 5) : all,
    nodes: nodes.data ?? [],
    services: useQuery(servicesQuery()).data ?? [],
    plugins: useQuery(pluginsQuery()).data ?? [],
    teams: useQuery(teamsQuery()).data ?? [],
  };
}

function Group({ heading, children }: { heading: string; children: ReactNode }) {
  return (
    <Command.Group
      heading={heading}
      className="[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2.5 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-faint"
    >
      {children}
    </Command.Group>
  );
}

interface ItemProps {
  value: string;
  icon?: ReactNode;
  keys?: string;
  onSelect: () => void;
  children: ReactNode;
}

function Item({ value, icon, keys, onSelect, children }: ItemProps) {
  return (
    <Command.Item
      value={value}
      onSelect={onSelect}
      className="flex min-h-9 cursor-default items-center gap-2.5 rounded-md px-2.5 text-sm data-[selected=true]:bg-hover [&_svg]:size-4 [&_svg]:shrink-0 max-sm:min-h-11"
    >
      {icon !== undefined && <span className="text-muted">{icon}</span>}
      <span className="flex min-w-0 flex-1 items-center gap-2.5">{children}</span>
      {keys !== undefined && <Keys keys={shownKeys(keys)} />}
    </Command.Item>
  );
}
