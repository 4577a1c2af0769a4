"""Who a caller of a Kubernetes API server is: what its kubeconfig says, else whom Azure knows.

A credential is asked for when it is needed, kept in memory alone, and no message or representation shows it.
"""

import threading
import time
from typing import TYPE_CHECKING, Protocol

from registration import azure_endpoint, kubeconfig
from registration.error import RegistrationError

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

# The application that stands for every AKS API server with Entra ID, in every tenant.
AKS_SCOPE = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
# Seconds before its end from which a token is not used any more.
_MARGIN = 300


class Credential(Protocol):
    """Signs requests to one API server."""

    identity: tuple[str, str] | None
    """The files of a client certificate and its key."""
    authority: str | None
    """The file of the certificate authority that the server is known by."""

    def authorization(self, *, renew: bool = False) -> str | None:
        """Give the value of the Authorization header, a new one where the server refused the last."""


def find(server: str) -> Credential:
    """Find the credential for an API server."""
    user = kubeconfig.find(server)
    if user is not None and (user.identity is not None or user.authorization() is not None):
        return user
    return AzureToken(server, authority=user.authority if user is not None else None)


class AzureToken:
    """Tokens for an AKS API server, of whoever is signed in to Azure here; never asks anybody anything."""

    identity: tuple[str, str] | None = None

    def __init__(self, server: str, authority: str | None = None) -> None:
        self.authority = authority
        self._server = server
        self._lock = threading.Lock()
        self._token: AccessToken | None = None

    def authorization(self, *, renew: bool = False) -> str:
        """Give the value of the Authorization header; one token serves all threads until shortly before its end."""
        with self._lock:
            if renew or self._token is None or self._token.expires_on - time.time() < _MARGIN:
                self._token = self._ask()
            return f"Bearer {self._token.token}"

    def _ask(self) -> "AccessToken":
        from azure.core.exceptions import AzureError  # noqa: PLC0415 - only a cluster in Azure needs it

        try:
            return azure_endpoint.credential().get_token(AKS_SCOPE)
        except (AzureError, ValueError):
            # The reason is a page long, one paragraph for each way that was tried.
            raise RegistrationError(
                f"there is no credential for the Kubernetes API at {self._server}: sign in with `az login`, or let "
                "KUBECONFIG name a kubeconfig with a context for this server (and install kubelogin, where that asks "
                "for it)"
            ) from None
