"""What an answer of Azure's means, in the one line that people are told; shared by the clients of its libraries.

Whoever needs it imports it inside a function, as the clients themselves.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from azure.core import exceptions

from registration.azure_endpoint import AzureError, UnreachableAzureError

if TYPE_CHECKING:
    from collections.abc import Iterator

DENIED = (401, 403)
GONE = ("ResourceNotFound", "ResourceGroupNotFound", "ParentResourceNotFound")
"""The codes of what is not there, as opposed to what may not be seen."""
_CLIENT_ERROR = 400
_THROTTLED = 429
_SERVER_ERROR = 500


@contextmanager
def told(what: str, *, registry: str, role: str, scope: str, question: str) -> Iterator[None]:
    """Tell what Azure's API did not do.

    Args:
        what: The thing that is asked for, with its article.
        registry: The id of the registry that it is asked of.
        role: The role that it takes.
        scope: Where that role is needed.
        question: What to look at, when Azure understood and refused.
    """
    try:
        yield
    except exceptions.HttpResponseError as error:
        code = reason(error)[0]
        if error.status_code in DENIED:
            raise AzureError(denied(f"{what} is not allowed", code, role, scope)) from error
        if code in GONE:
            raise AzureError(f"Azure knows no registry {registry}; run `pulumi refresh`, then again") from error
        raise unexplained(error, "Azure", question) from error
    except exceptions.AzureError as error:
        raise UnreachableAzureError("Azure's API cannot be reached; run it again when it is") from error


def denied(what: str, code: str, role: str, scope: str) -> str:
    """Say which role it takes."""
    said = f" ({code})" if code else ""
    return f"{what}{said}; it takes the role {role} on {scope}, and a role counts some minutes after it is given"


def unexplained(error: exceptions.HttpResponseError, who: str, question: str) -> AzureError:
    """Say what `who` answered; where it is Azure's own trouble, that it passes, else ask the question."""
    if error.response is None and isinstance(error, exceptions.ClientAuthenticationError):
        return AzureError("nobody is signed in to Azure; run `az login`, or let a service connection run it")
    status = error.status_code or 0
    if status < _CLIENT_ERROR:
        return UnreachableAzureError(f"{who} gives no answer that can be read; is something else there, or in between?")
    said = ": ".join(part for part in reason(error) if part) or "no reason given"
    if status == _THROTTLED or status >= _SERVER_ERROR:
        return AzureError(f"{who} answers {status} ({said}); run it again in some minutes")
    return AzureError(f"{who} answers {status} ({said}); {question}")


def reason(error: exceptions.HttpResponseError) -> tuple[str, str]:
    """Find the code and the message of an answer, of Azure's API or of a registry, each in one line."""
    try:
        body = json.loads(error.response.text()) if error.response is not None else {}
        said = body.get("error") or body["errors"][0]
        code, message = str(said.get("code") or ""), str(said.get("message") or "")
    except (ValueError, LookupError, TypeError, AttributeError, exceptions.AzureError):
        return "", ""
    return code, " ".join(message.split()).rstrip(".")[:300]
