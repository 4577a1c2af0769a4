"""Where an API is that only the Kubernetes API server reaches: behind the server's proxy to a service.

A locator, written to settings files and to Pulumi's state: it never holds a credential.
"""

import base64
import binascii
from typing import Annotated, Any
from urllib.parse import urlsplit

import pydantic

from registration.error import RegistrationError

_Name = Annotated[str, pydantic.Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
_PEM = "-----BEGIN CERTIFICATE-----"


class ServiceProxy(pydantic.BaseModel):
    """A service in a cluster, as a caller of the cluster's API server reaches it.

    `server` is the API server's https://HOST[:PORT], as in a kubeconfig; or http://127.0.0.1:PORT, where something on
    this machine (`kubectl proxy`, an emulator) has its own way to the API server.

    `certificate_authority` is PEM, or that in base64 as in a kubeconfig; empty to trust what this machine trusts.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    server: str
    certificate_authority: str = ""
    namespace: _Name
    service: _Name
    port: Annotated[int, pydantic.Field(ge=1, le=65535)] | _Name = 4200

    @pydantic.field_validator("server")
    @classmethod
    def _plain_server(cls, server: str) -> str:
        try:
            address = urlsplit(server.rstrip("/"))
            usable = address.port != 0
        except ValueError:
            # The reason would repeat a part of it.
            raise ValueError("it is not an address") from None
        tunnel = address.scheme == "http" and address.hostname == "127.0.0.1"
        if not usable or not address.hostname or not (address.scheme == "https" or tunnel):
            raise ValueError("it is not https://HOST[:PORT], as in a kubeconfig")
        if "@" in address.netloc or address.path or address.query or address.fragment:
            raise ValueError("it has more than a host and a port; a credential never belongs here")
        return server.rstrip("/")

    @pydantic.field_validator("certificate_authority")
    @classmethod
    def _only_certificates(cls, authority: str) -> str:
        text = authority.strip()
        if text and not text.startswith("-----"):
            try:
                text = base64.b64decode(text, validate=True).decode("ascii").strip()
            except (binascii.Error, UnicodeDecodeError):
                text = "none"
        if "PRIVATE KEY" in text:
            raise ValueError("it holds a private key; a credential never belongs here")
        if text and _PEM not in text:
            raise ValueError("it is not a certificate in PEM, nor that in base64")
        return text

    @property
    def resource_name(self) -> str:
        """What a Role names it by, under `services/proxy`."""
        return f"http:{self.service}:{self.port}"

    @property
    def url(self) -> str:
        """Where the API takes its documents."""
        path = f"api/v1/namespaces/{self.namespace}/services/{self.resource_name}/proxy/graphql"
        return f"{self.server}/{path}"


Locator = str | ServiceProxy


def locator_of(value: Any) -> Locator:
    """Make a locator of what Pulumi remembers of one: a URL, or the fields of a ServiceProxy."""
    if isinstance(value, str | ServiceProxy):
        return value
    try:
        return ServiceProxy.model_validate(value)
    except pydantic.ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'it'}: {problem['msg']}" for problem in error.errors()
        )
        raise RegistrationError(f"where the API is, is not valid: {problems}") from None


def address_of(locator: Locator) -> str:
    """Name a locator to a person."""
    return locator if isinstance(locator, str) else locator.url
