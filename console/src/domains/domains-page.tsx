import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Globe, Plus } from "lucide-react";
import { useState } from "react";
import { projectQuery } from "@/api/queries";
import { command } from "@/lib/shell";
import { useShortcut } from "@/lib/shortcuts";
import { Address } from "@/slots/address";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Empty } from "@/ui/empty";
import { useTitle } from "@/ui/page";
import { ProblemPanel } from "@/ui/problem-panel";
import { SkeletonRows } from "@/ui/skeleton";
import { CertificatesCard } from "./certificates-card";
import { DomainDialog } from "./domain-dialog";
import { DomainRow } from "./domain-row";
import { type Domain, domainsQuery } from "./queries";

const route = getRouteApi("/app/projects/$project/domains");

/** Under which hostnames the project is reached, and with which certificates. */
export function DomainsPage() {
  const { project } = route.useParams();
  useTitle("Domains", project);
  const query = useQuery(domainsQuery(project));
  const url = useQuery(projectQuery(project)).data?.url;
  const [asked, setAsked] = useState<{ before: Domain | null } | null>(null);
  useShortcut("n", "Add a domain", "This page", () => setAsked({ before: null }));
  const add = (
    <Button kind={query.data?.length === 0 ? "primary" : "plain"} size={query.data?.length === 0 ? "medium" : "small"} onClick={() => setAsked({ before: null })}>
      <Plus aria-hidden /> Add a domain
    </Button>
  );
  return (
    <div className="flex max-w-4xl flex-col gap-5">
      <Card
        title="Domains"
        description={
          url === undefined ? (
            "Hostnames of your own."
          ) : (
            <span className="flex flex-wrap items-center gap-x-1">
              Beside hostnames of your own it always answers at <Address url={url} />
            </span>
          )
        }
        isFlush
        actions={query.data !== undefined && query.data.length > 0 && add}
      >
        {query.isError && <ProblemPanel what="The domains could not be read" error={query.error} onRetry={() => void query.refetch()} isRetrying={query.isFetching} className="m-4" />}
        {query.isPending && <SkeletonRows count={2} className="h-20" />}
        {query.data?.length === 0 && (
          <Empty icon={<Globe />} title="No domain of your own" action={add} command={command("domains", "add", "shop.example.com", "--project", project)}>
            Add a hostname, put one record into its DNS, and it is served as soon as that is seen.
          </Empty>
        )}
        <ul aria-label="Domains">
          {query.data?.map((domain) => (
            <DomainRow key={domain.name} project={project} domain={domain} onChange={() => setAsked({ before: domain })} />
          ))}
        </ul>
      </Card>
      <CertificatesCard project={project} title="Certificates" description="What proves to visitors that they are where they wanted to be. A key never comes out again." />
      {asked !== null && <DomainDialog project={project} before={asked.before} onClose={() => setAsked(null)} />}
    </div>
  );
}
