"""Where Azure answers, and who asks: Azure itself, or what stands in for it on this machine.

With `PREFECT_AKS_AZURE_EMULATOR=http://127.0.0.1:PORT` in the environment nothing is asked of Azure, and every answer
is made up: it is for tests and for previews on emulated providers. `emulators.container_registry` is such a stand-in.
Nobody's credential goes there, and an address outside of this machine is refused.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import time
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from registration.error import RegistrationError

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

VARIABLE = "PREFECT_AKS_AZURE_EMULATOR"
# Seconds and retries of one call; the libraries' own would go on for minutes.
LIMITS = {"connection_timeout": 5, "read_timeout": 30, "retry_total": 4, "retry_connect": 2, "retry_backoff_max": 20}


class AzureError(RegistrationError):
    """What Azure does not do, in one line; a RegistrationError, because the plugin reports those without a trace."""


class UnreachableAzureError(AzureError):
    """There is no answer, or none that can be read."""


@dataclass(frozen=True, kw_only=True)
class AzureEndpoint:
    """Addresses, a credential and options for the clients of Azure's libraries."""

    credential: TokenCredential = field(repr=False)
    emulator: str = ""

    @property
    def arm(self) -> str | None:
        """The base of Azure Resource Manager; None is the library's own."""
        return f"{self.emulator}/arm" if self.emulator else None

    def registry(self, login_server: str) -> str:
        """The data plane of a container registry."""
        return f"{self.emulator}/registry/{login_server}" if self.emulator else f"https://{login_server}"

    def blobs(self, container: str) -> str:
        """A blob container, given as https://ACCOUNT.blob.core.windows.net/CONTAINER."""
        address = urlsplit(container)
        account = (address.hostname or "").partition(".")[0]
        return f"{self.emulator}/blob/{account}{address.path}" if self.emulator else container

    def connection_string(self, container: str) -> str:
        """Where the storage account of a container answers, as a flow run takes it, which then asks as who it is.

        No library shows a token where there is no TLS, so a stand-in is shown a key, which is nobody's.
        """
        account = self.blobs(container).rpartition("/")[0]
        key = ";AccountName=emulated;AccountKey=ZW11bGF0ZWQ=" if self.emulator else ""
        return f"BlobEndpoint={account}{key}"

    @property
    def client_options(self) -> dict[str, Any]:
        """What a client is made with."""
        # A proxy of the surroundings has no way to a stand-in.
        return {**LIMITS, "use_env_settings": False} if self.emulator else dict(LIMITS)

    @property
    def call_options(self) -> dict[str, Any]:
        """What each call is made with."""
        return {"enforce_https": False} if self.emulator else {}


class _NoCredential:
    """The token that a stand-in is shown."""

    def get_token(self, *_scopes: str, **_kwargs: Any) -> AccessToken:
        from azure.core.credentials import AccessToken  # noqa: PLC0415 - most of what imports this asks Azure nothing

        return AccessToken("emulated", int(time.time()) + 3600)


def azure_endpoint() -> AzureEndpoint:
    """Choose by the environment, each time; the credential is looked for when the first token is needed.

    Raises:
        AzureError: the stand-in's address is none on this machine.
    """
    emulator = os.environ.get(VARIABLE, "").rstrip("/")
    if not emulator:
        return AzureEndpoint(credential=credential())
    if not _is_loopback(emulator):
        raise AzureError(f"{VARIABLE} is not http://127.0.0.1:PORT: unset it to use Azure, or start a stand-in here")
    return AzureEndpoint(credential=_NoCredential(), emulator=emulator)


def _is_loopback(url: str) -> bool:
    try:
        address = urlsplit(url)
        loopback = ipaddress.ip_address(address.hostname or "").is_loopback and bool(address.port)
    except ValueError:
        return False
    return loopback and address.scheme == "http" and url == f"http://{address.netloc}" and "@" not in url


@cache
def credential() -> TokenCredential:
    """Whoever is signed in to Azure here; one object keeps the tokens of a whole process."""
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - it is slow to load, and a program needs none

    # It logs every way to sign in that does not work.
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    return DefaultAzureCredential(exclude_interactive_browser_credential=True)
