"""An organisation of Azure DevOps, as its REST API has it."""

import base64
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from delivery.error import DeliveryError
from delivery.hosting.rest import Service, address
from registration import azure_endpoint

VERSION, PREVIEW = "7.1", "7.1-preview.1"
TOKEN = "AZURE_DEVOPS_EXT_PAT"  # noqa: S105 - the variable's name
# The application that stands for Azure DevOps, in every tenant.
_SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
_NAME = "Azure DevOps"
# Or it answers whom it does not know with a page to sign in at.
_HEADERS = {"X-TFS-FedAuthRedirect": "Suppress"}


class Project:
    """A project, and the one who asks it."""

    def __init__(self, collection: str, project: str, authorization: str, hints: Mapping[int, str]) -> None:
        self._service = Service(_NAME, _where(collection), authorization, headers=_HEADERS, hints=hints)
        self._path = f"{quote(project, safe='')}/_apis"

    def close(self) -> None:
        """End the connections."""
        self._service.close()

    def ask(self, method: str, path: str, body: Any = None, *, version: str = VERSION, **query: Any) -> Any:
        """Ask for one thing, and give the answer's JSON."""
        return self._service.ask(method, f"{self._path}/{path}", body, **query, **{"api-version": version})

    def listed(self, path: str, *, version: str = VERSION, **query: Any) -> list[dict[str, Any]]:
        """Ask for a list, whole."""
        found: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            answer = self._service.answer("GET", f"{self._path}/{path}", **query, **more, **{"api-version": version})
            found += answer.json()["value"]
            token = answer.headers.get("x-ms-continuationtoken", "")
            if not token or more.get("continuationToken") == token:
                return found
            more = {"continuationToken": token}


def _where(collection: str) -> str:
    """Where a collection answers; `collection` is https://dev.azure.com/NAME, or an older or a private form of it."""
    place = urlsplit(collection)
    name = place.path.strip("/").rpartition("/")[2] or (place.hostname or "").partition(".")[0]
    return address(collection, f"azure/{name}")


def bearer(token: str) -> str:
    """Authorize with a token of a pipeline's run, or of Entra ID."""
    return f"Bearer {token}"


def of_a_person() -> str:
    """Authorize as whoever runs this: a personal access token, else who is signed in to Azure.

    Raises:
        DeliveryError: there is neither.
    """
    if token := os.environ.get(TOKEN, "").strip():
        return "Basic " + base64.b64encode(f":{token}".encode()).decode()
    from azure.core.exceptions import AzureError  # noqa: PLC0415 - it is slow to load, and a token needs none of it

    try:
        return bearer(azure_endpoint.credential().get_token(_SCOPE).token)
    except (AzureError, ValueError):
        # The reason is a page long, one paragraph for each way that was tried.
        raise DeliveryError(
            f"nobody is signed in to Azure DevOps here: `az login`, or put a personal access token in {TOKEN}"
        ) from None
