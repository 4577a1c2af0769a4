"""The HTTP side: below /azure/ORGANISATION what Azure DevOps answers, below /github what GitHub answers.

Below /emulator are the stand-in's own pages: the faults to come, and the requests that came.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulators.azure_devops.fault import Faults
from emulators.azure_devops.store import RefusedError, Store, Thing, one

WHAT_THIS_IS = "emulator of pull request comments, branch policies, environments and checks; it runs nothing"
TOKEN = "emulated"  # noqa: S105 - the one that everybody knows
_AZURE = "/azure/{organisation}/{project}/_apis"
_PULL = f"{_AZURE}/git/repositories/{{repository}}/pullRequests/{{pull:int}}"
_THREADS = f"{_PULL}/threads"
_POLICIES, _CHECKS = f"{_AZURE}/policy/configurations", f"{_AZURE}/pipelines/checks/configurations"
_PERMISSIONS = f"{_AZURE}/pipelines/pipelinepermissions/{{kind}}/{{identity}}"
_GITHUB = "/github/repos/{owner}/{repository}"
_ISSUES = f"{_GITHUB}/issues"
# What has no version but a preview yet; the rest is asked with or without the word.
_PREVIEWS = ("/distributedtask/environments", "/pipelines/checks/", "/pipelines/pipelinepermissions/")

Answer = Callable[[Request, Thing], Any]


class DevOps:
    """The endpoints over one store."""

    def __init__(self, store: Store | None = None, page: int = 100) -> None:
        self.store = store or Store()
        self.faults = Faults()
        self.requests: list[Thing] = []
        self._page = page

    def application(self) -> Starlette:
        """Make the ASGI application."""
        store = self.store
        return Starlette(
            routes=[
                Route("/health", self.health),
                Route("/emulator", self.forget, methods=["DELETE"]),
                Route("/emulator/faults", self.set_faults, methods=["PUT"]),
                Route("/emulator/requests", self.show_requests),
                self._route("GET", _PULL, lambda asked, _: store.pull_request(_pull(asked), "pullRequestId", "status")),
                *self._both(_THREADS, lambda asked, _: store.threads[_pull(asked)], self._thread),
                self._route("PATCH", f"{_THREADS}/{{thread:int}}", self._edited_thread),
                self._route("PATCH", f"{_THREADS}/{{thread:int}}/comments/{{comment:int}}", self._edited_comment),
                self._route("GET", f"{_AZURE}/git/repositories/{{repository}}", self._repository),
                self._route("GET", f"{_AZURE}/build/definitions", self._pipelines),
                self._route("GET", f"{_AZURE}/build/definitions/{{number:int}}", self._pipeline),
                *self._both(_POLICIES, self._policies, lambda _, body: store.put_policy(body)),
                self._route(
                    "PUT", f"{_POLICIES}/{{number:int}}", lambda asked, body: _put(store.put_policy, asked, body)
                ),
                *self._both(
                    f"{_AZURE}/distributedtask/environments",
                    lambda *_: store.environments,
                    lambda _, body: store.add_environment(body),
                ),
                *self._both(_CHECKS, self._checks, lambda _, body: store.put_check(body)),
                self._route(
                    "PATCH", f"{_CHECKS}/{{number:int}}", lambda asked, body: _put(store.put_check, asked, body)
                ),
                *(self._route(method, _PERMISSIONS, self._permit) for method in ("GET", "PATCH")),
                self._route("GET", f"{_AZURE}/serviceendpoint/endpoints", self._connections),
                self._route(
                    "GET",
                    f"{_GITHUB}/pulls/{{number:int}}",
                    lambda asked, _: store.pull_request(_issue(asked), "number", "state"),
                ),
                *self._both(f"{_ISSUES}/{{number:int}}/comments", self._issue_comments, self._issue_comment),
                self._route("PATCH", f"{_ISSUES}/comments/{{number:int}}", self._edited_issue_comment),
            ]
        )

    async def health(self, _: Request) -> Response:
        """Say what this is."""
        return JSONResponse({"status": "ok", "emulator": True, "about": WHAT_THIS_IS})

    async def forget(self, _: Request) -> Response:
        """Be as on the first day, on its own page too."""
        self.clear()
        return Response(status_code=204)

    def clear(self) -> None:
        """Hold nothing, and know of no fault and no request."""
        self.store.clear()
        self.faults.replace([])
        self.requests.clear()

    async def set_faults(self, request: Request) -> Response:
        """Take a list of faults, in place of those that were to come."""
        try:
            self.faults.replace(await request.json())
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return Response(status_code=204)

    async def show_requests(self, _: Request) -> Response:
        """List the requests that came, without who asked."""
        return JSONResponse(self.requests)

    def _both(self, path: str, listed: Answer, made: Answer) -> list[Route]:
        return [self._route("GET", path, listed), self._route("POST", path, made)]

    def _route(self, method: str, path: str, answer: Answer) -> Route:
        async def endpoint(request: Request) -> Response:
            text = await request.body()
            body = json.loads(text) if text else {}
            asked = f"{request.method} {request.url.path}"
            self.requests.append({"asked": asked, "query": dict(request.query_params), "body": body})
            if fault := self.faults.take(asked):
                return await fault.answer()
            try:
                _admit(request)
                return self._told(request, answer(request, body))
            except RefusedError as error:
                return JSONResponse({"message": str(error)}, error.status)

        return Route(path, endpoint, methods=[method])

    def _told(self, request: Request, found: Any) -> Response:
        made = 201 if request.method == "POST" and request.url.path.startswith("/github") else 200
        if not isinstance(found, list) or request.url.path.startswith("/github"):
            return JSONResponse(found, made)
        begin = int(request.query_params.get("continuationToken", "0"))
        end = begin + self._page
        more = {"x-ms-continuationtoken": str(end)} if len(found) > end else {}
        return JSONResponse({"count": len(found[begin:end]), "value": found[begin:end]}, 200, more)

    def _thread(self, asked: Request, body: Thing) -> Thing:
        return self.store.begin_thread(_pull(asked), body)

    def _edited_thread(self, asked: Request, body: Thing) -> Thing:
        return self.store.edit_thread(_pull(asked), asked.path_params["thread"], body)

    def _edited_comment(self, asked: Request, body: Thing) -> Thing:
        path = asked.path_params
        return self.store.edit_comment(_pull(asked), path["thread"], path["comment"], body)

    def _repository(self, asked: Request, _: Thing) -> Thing:
        name = asked.path_params["repository"]
        if name not in self.store.repositories:
            raise RefusedError(404, f"TF401019: The Git repository with name or identifier {name} does not exist.")
        return {"id": self.store.repositories[name], "name": name}

    def _pipelines(self, asked: Request, _: Thing) -> list[Thing]:
        wanted = asked.query_params.get("name")
        return [{"id": number, "name": name} for name, number in self.store.pipelines.items() if name == wanted]

    def _pipeline(self, asked: Request, _: Thing) -> Thing:
        known = [{"id": number, "name": name} for name, number in self.store.pipelines.items()]
        return one(known, asked.path_params["number"], "build definition")

    def _policies(self, asked: Request, _: Thing) -> list[Thing]:
        wanted = asked.query_params.get("policyType")
        return [each for each in self.store.policies if wanted in {None, each["type"]["id"]}]

    def _checks(self, asked: Request, _: Thing) -> list[Thing]:
        place = {"type": asked.query_params["resourceType"], "id": asked.query_params["resourceId"]}
        found = [each for each in self.store.checks if place.items() <= each["resource"].items()]
        expanded = asked.query_params.get("$expand") == "settings"
        return [{key: each[key] for key in each if expanded or key != "settings"} for each in found]

    def _connections(self, asked: Request, _: Thing) -> list[Thing]:
        wanted = asked.query_params["endpointNames"].lower().split(",")
        return [{"id": each, "name": name} for name, each in self.store.connections.items() if name.lower() in wanted]

    def _permit(self, asked: Request, body: Thing) -> Thing:
        kind, identity = asked.path_params["kind"], asked.path_params["identity"]
        key = self.store.resource(kind, identity)
        given = self.store.permitted[key]
        given += [each["id"] for each in body.get("pipelines") or [] if each["authorized"] and each["id"] not in given]
        everyone = {"allPipelines": {"authorized": True}} if key in self.store.open else {}
        permitted = [{"id": each, "authorized": True} for each in given]
        return {"resource": {"type": kind, "id": identity}, "pipelines": permitted, **everyone}

    def _issue_comments(self, asked: Request, _: Thing) -> list[Thing]:
        size, page = (
            int(asked.query_params.get(name, default)) for name, default in (("per_page", "30"), ("page", "1"))
        )
        return self.store.comments[_issue(asked)][(page - 1) * size : page * size]

    def _issue_comment(self, asked: Request, body: Thing) -> Thing:
        return self.store.comment(_issue(asked), body)

    def _edited_issue_comment(self, asked: Request, body: Thing) -> Thing:
        return self.store.edit_issue_comment(asked.path_params["number"], body)


def _pull(asked: Request) -> str:
    return f"{asked.path_params['repository']}/{asked.path_params['pull']}"


def _issue(asked: Request) -> str:
    path = asked.path_params
    return f"{path['owner']}/{path['repository']}/{path['number']}"


def _put(put: Callable[[Thing, int | None], Thing], asked: Request, body: Thing) -> Thing:
    return put(body, asked.path_params["number"])


def _admit(request: Request) -> None:
    """Let in whoever shows the token, in the form and with the version that the service asks for."""
    shown = request.headers.get("authorization", "")
    azure = request.url.path.startswith("/azure")
    basic = "Basic " + base64.b64encode(f":{TOKEN}".encode()).decode()
    if shown != f"Bearer {TOKEN}" and not (azure and shown == basic):
        raise RefusedError(401, "The token is not known.")
    version = request.query_params.get("api-version", "")
    preview = any(place in request.url.path for place in _PREVIEWS)
    if azure and (not version or (preview and "-preview" not in version)):
        raise RefusedError(400, "The api-version is missing, or lacks the -preview flag.")
