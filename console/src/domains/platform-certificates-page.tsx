import { Page, useTitle } from "@/ui/page";
import { CertificatesCard } from "./certificates-card";

/** For administrators: what the console, and all that is below the base domains, is served with. */
export function PlatformCertificatesPage() {
  useTitle("Certificates");
  return (
    <Page title="Certificates" description="Of the installation's own names: the console, and all that is below the base domains. Those of a project's domains are on its page." width="text">
      <CertificatesCard project={null} title="The installation's own names" description="Only administrators see and change these." />
    </Page>
  );
}
