"""The emulated azuread provider: object and client ids as Entra ID gives them."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe
from typing import Any

from emulators.pulumi_providers.azure.answer import TENANT, guid
from emulators.pulumi_providers.azure.function import client_config
from emulators.pulumi_providers.provider import Provider, RefusedError, Urn
from emulators.pulumi_providers.value import Secret

# What cannot be changed in place, by the type's last word. A type that is not here is refused.
_REPLACING: Mapping[str, tuple[str, ...]] = {
    "AppRoleAssignment": ("appRoleId", "principalObjectId", "resourceObjectId"),
    "Application": ("templateId",),
    "ApplicationAppRole": ("applicationId", "roleId"),
    "ApplicationFederatedIdentityCredential": ("applicationId", "displayName"),
    "ApplicationIdentifierUri": ("applicationId", "identifierUri"),
    "ApplicationPassword": (
        "applicationId",
        "displayName",
        "endDate",
        "endDateRelative",
        "rotateWhenChanged",
        "startDate",
    ),
    "ApplicationPreAuthorized": ("applicationId", "authorizedClientId"),
    "ApplicationRedirectUris": ("applicationId", "type"),
    "ApplicationRegistration": (),
    "DirectoryRoleAssignment": ("appScopeId", "directoryScopeId", "principalObjectId", "roleId"),
    "Group": ("assignableToRole", "mailNickname", "types"),
    "GroupMember": ("groupObjectId", "memberObjectId"),
    "ServicePrincipal": ("clientId",),
    "ServicePrincipalDelegatedPermissionGrant": (
        "resourceServicePrincipalObjectId",
        "servicePrincipalObjectId",
        "userObjectId",
    ),
    "ServicePrincipalPassword": (
        "displayName",
        "endDate",
        "endDateRelative",
        "rotateWhenChanged",
        "servicePrincipalId",
        "startDate",
    ),
}


class Emulated(Provider):
    """Entra ID, as far as it can be known beforehand."""

    def knows(self, token: str) -> bool:
        """Whether what replaces the type is known."""
        return _kind(token) in _REPLACING

    def replacing(self, token: str, old: Mapping[str, Any]) -> Collection[str]:
        """What the genuine provider documents."""
        del old
        return _REPLACING[_kind(token)]

    def identify(self, urn: Urn, inputs: dict[str, Any]) -> str:
        """A GUID of its own, in the form that the type has."""
        made = guid(urn.text, token_urlsafe())
        parent = str(inputs.get("applicationId", "")).strip("/")
        kinds = {
            "Application": f"/applications/{made}",
            "ApplicationRegistration": f"/applications/{made}",
            "ApplicationFederatedIdentityCredential": f"{parent}/federatedIdentityCredential/{made}",
            "ApplicationPassword": f"{parent}/password/{made}",
            "Group": f"/groups/{made}",
            "GroupMember": f"{inputs.get('groupObjectId')}/member/{inputs.get('memberObjectId')}",
            "ServicePrincipal": f"/servicePrincipals/{made}",
        }
        return kinds.get(_kind(urn.token), made)

    def assign(self, urn: Urn, identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """The ids, and what else Entra ID sets."""
        own = identity.rsplit("/", 1)[-1]
        answer: dict[str, Any] = {
            "objectId": own,
            "credentialId": own,
            "keyId": own,
            "applicationTenantId": TENANT,
            "displayName": inputs.get("displayName", urn.name),
            "publisherDomain": "emulated.onmicrosoft.com",
        }
        if _kind(urn.token) in {"Application", "ApplicationRegistration"}:
            answer["clientId"] = guid(own, "client")
        if _kind(urn.token).endswith("Password"):
            # The genuine password lives in the state alone, and so does this one.
            answer["value"] = Secret(token_urlsafe(30))
            answer["endDate"] = (datetime.now(UTC) + timedelta(days=730)).isoformat(timespec="seconds")
        return {name: value for name, value in answer.items() if name in self.resource(urn.token).outputs}

    def keep(self, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        """A password stays what it was."""
        return {name: old[name] for name in ("value", "endDate", "startDate") if name in old and name in new}

    def invoke(self, token: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Answer a function, or refuse it by its name."""
        kind = _kind(token)
        if kind == "getClientConfig":
            found = client_config()
            return {name: found[name] for name in ("clientId", "objectId", "tenantId")} | {"id": found["objectId"]}
        if kind == "getServicePrincipal":
            of = str(arguments.get("clientId") or arguments.get("displayName") or arguments.get("objectId"))
            made = str(arguments.get("objectId") or guid(of, "principal"))
            client = str(arguments.get("clientId") or guid(of, "client"))
            return {"clientId": client, "displayName": of, "id": made, "objectId": made}
        raise RefusedError(f"{token} is not a function that the emulated provider {self.name} {self.version} knows")


def _kind(token: str) -> str:
    return token.rsplit(":", 1)[-1]
