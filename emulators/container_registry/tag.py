"""A registry's own API, as far as its tags go: the exchange of tokens, and what a tag is."""

from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulators.container_registry.store import Store, Tag

_REFRESH, _ACCESS = "emulated-refresh-token", "emulated-access-token"


class Tags:
    """The endpoints."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def exchange(self, request: Request) -> Response:
        """Give a registry's refresh token for one of Entra ID."""
        given = (await _form(request)).get("access_token")
        return JSONResponse({"refresh_token": _REFRESH}) if given else _unauthorized(request)

    async def token(self, request: Request) -> Response:
        """Give an access token for a refresh token."""
        given = (await _form(request)).get("refresh_token")
        return JSONResponse({"access_token": _ACCESS}) if given == [_REFRESH] else _unauthorized(request)

    async def tag(self, request: Request) -> Response:
        """Describe a tag, or delete it."""
        if request.headers.get("authorization") != f"Bearer {_ACCESS}":
            return _unauthorized(request)
        parameters = request.path_params
        registry = parameters["server"].split(".")[0].lower()
        repository, name = parameters["repository"], parameters["tag"]
        found = self.store.tag(registry, repository, name)
        if found is None:
            return _unknown_tag(name)
        if request.method == "DELETE":
            self.store.remove(registry, repository, name)
            return Response(status_code=202)
        return JSONResponse(_described(parameters["server"], repository, name, found))


async def _form(request: Request) -> dict[str, list[str]]:
    return parse_qs((await request.body()).decode())


def _unauthorized(request: Request) -> Response:
    server, repository = request.path_params["server"], request.path_params.get("repository", "")
    challenge = (
        f'Bearer realm="https://{server}/oauth2/token",service="{server}",scope="repository:{repository}:metadata_read"'
    )
    body = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
    return JSONResponse(body, 401, {"WWW-Authenticate": challenge})


def _unknown_tag(tag: str) -> Response:
    return JSONResponse({"errors": [{"code": "TAG_UNKNOWN", "message": f"the tag {tag} does not exist"}]}, 404)


def _described(server: str, repository: str, name: str, found: Tag) -> dict[str, Any]:
    allowed = dict.fromkeys(("deleteEnabled", "writeEnabled", "listEnabled", "readEnabled"), True)
    tag = {
        "name": name,
        "digest": found["digest"],
        "createdTime": found["created"],
        "lastUpdateTime": found["updated"],
        "signed": False,
        "changeableAttributes": allowed,
    }
    return {"registry": server, "imageName": repository, "tag": tag}
