"""An Azure DevOps service connection, as Entra ID knows it: an application that proves itself without a secret."""

from dataclasses import dataclass

import pulumi
import pulumi_azuread as azuread

from components.federation import TOKEN_EXCHANGE


@dataclass(frozen=True, kw_only=True)
class ServiceConnection:
    """One service connection, with workload identity federation."""

    organization: str
    organization_id: str
    """The organisation's GUID, part of the URL of Azure DevOps's own token issuer."""
    project: str
    name: str
    subject: str = ""
    """Its subject identifier where Entra ID issues its tokens; empty where Azure DevOps still does, until July 2027."""

    def issuer(self, tenant_id: str) -> str:
        """Who vouches for it."""
        if self.subject:
            return f"https://login.microsoftonline.com/{tenant_id}/v2.0"
        return f"https://vstoken.dev.azure.com/{self.organization_id}"

    def trusted(
        self, name: str, *, display_name: str, purpose: str, tenant_id: pulumi.Input[str], opts: pulumi.ResourceOptions
    ) -> azuread.ServicePrincipal:
        """Make the application that trusts it, and return its principal, which has no role yet."""
        application = azuread.Application(
            name, display_name=display_name, sign_in_audience="AzureADMyOrg", prevent_duplicate_names=True, opts=opts
        )
        azuread.ApplicationFederatedIdentityCredential(
            f"{name}-federation",
            application_id=application.id,
            display_name="azure-devops",
            description=f"The Azure DevOps service connection that {purpose}",
            issuer=pulumi.Output.from_input(tenant_id).apply(self.issuer),
            subject=self.subject or f"sc://{self.organization}/{self.project}/{self.name}",
            audiences=[TOKEN_EXCHANGE],
            opts=opts,
        )
        return azuread.ServicePrincipal(f"{name}-principal", client_id=application.client_id, opts=opts)
