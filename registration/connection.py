"""The one place that opens a Prefect API: by a plain address, or behind a Kubernetes API server's service proxy."""

import re
import ssl
from collections.abc import Generator
from typing import Any

import httpx

from registration import credential
from registration.api import Api
from registration.credential import Credential
from registration.error import RegistrationError, UnreachableError
from registration.service_proxy import Locator, ServiceProxy

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _UNAVAILABLE = 401, 403, 404, 503
# What the API server says when it has sent the service nothing.
_UNSENT = ("no endpoints available", "dial tcp")
_USER = re.compile(r'User "[^"]*"')


def open_api(locator: Locator) -> Api:
    """Open an API; behind a service proxy, what it takes to get there is found out here."""
    return Api(locator) if isinstance(locator, str) else Api(locator.url, open_client(locator))


def open_client(proxy: ServiceProxy) -> httpx.Client:
    """Open the way through a service proxy, with the caller's own credential for its API server."""
    known = credential.find(proxy.server) if proxy.server.startswith("https:") else None
    return httpx.Client(auth=Passage(proxy, known), verify=_trust(proxy, known), trust_env=known is not None)


def _trust(proxy: ServiceProxy, known: Credential | None) -> ssl.SSLContext:
    """Trust the authority that the locator names, else the kubeconfig's, else those of this machine."""
    try:
        if proxy.certificate_authority:
            context = ssl.create_default_context(cadata=proxy.certificate_authority)
        else:
            context = ssl.create_default_context(cafile=known.authority if known is not None else None)
        if known is not None and known.identity is not None:
            context.load_cert_chain(*known.identity)
    except (OSError, ValueError):
        raise RegistrationError(
            f"the certificates for the Kubernetes API at {proxy.server} cannot be read; look at the certificate "
            "authority, and at the client certificate of its kubeconfig context"
        ) from None
    return context


class Passage(httpx.Auth):
    """The way through an API server's service proxy: signs what is sent, and explains the API server's own refusals."""

    requires_response_body = True

    def __init__(self, proxy: ServiceProxy, known: Credential | None) -> None:
        self._proxy = proxy
        self._credential = known

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send a request, once more with a new credential when the one at hand is refused."""
        self._sign(request)
        answer = yield request
        if answer.status_code == _UNAUTHORIZED and self._sign(request, renew=True):
            answer = yield request
        _explain(answer, self._proxy)

    def _sign(self, request: httpx.Request, *, renew: bool = False) -> bool:
        """Sign a request, and say whether it is signed by now as it was not before."""
        value = self._credential.authorization(renew=renew) if self._credential is not None else None
        if value is None or request.headers.get("Authorization") == value:
            return False
        request.headers["Authorization"] = value
        return True


def _explain(answer: httpx.Response, proxy: ServiceProxy) -> None:
    """Raise what an answer of the API server itself means; an answer of the service passes."""
    said = _status(answer)
    if said is None:
        return
    place = f"the Kubernetes API at {proxy.server}"
    code = answer.status_code
    if code == _UNAUTHORIZED:
        raise RegistrationError(
            f"{place} does not accept these credentials (401); sign in again with `az login`, or renew the kubeconfig"
        )
    if code == _FORBIDDEN:
        user = _USER.search(said)
        raise RegistrationError(
            f"{place} forbids it (403); {user[0] if user else 'the caller'} needs a Role in namespace "
            f"{proxy.namespace!r} with the verb create on services/proxy, resource name {proxy.resource_name!r}"
        )
    if code == _NOT_FOUND:
        raise RegistrationError(
            f"{place} has no service {proxy.service!r} in namespace {proxy.namespace!r} (404); is the Prefect server "
            "deployed there?"
        )
    if code == _UNAVAILABLE and any(words in said for words in _UNSENT):
        raise UnreachableError(
            f"{place} finds no pod that answers for service {proxy.service!r} in namespace {proxy.namespace!r} (503); "
            f"look at it with `kubectl get pods --namespace {proxy.namespace}`"
        )


def _status(answer: httpx.Response) -> str | None:
    """Read the message of Kubernetes' own answer; None for any other."""
    if answer.status_code < httpx.codes.BAD_REQUEST:
        return None
    try:
        body: Any = answer.json()
    except ValueError:
        return None
    if not isinstance(body, dict) or body.get("kind") != "Status":
        return None
    return str(body.get("message") or "")
