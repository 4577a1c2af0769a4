"""What guards the branches, environments and service connections of an Azure DevOps project, made where it is missing.

What is there already and does the same, or more, stays as it is, whatever else somebody set of it. What Azure DevOps is
asked for is as its documentation and its maker's Terraform provider have it; it was tried against the stand-in alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from delivery.error import DeliveryError
from delivery.hosting import strictness
from delivery.hosting.azure_devops import PREVIEW, VERSION, Project
from delivery.hosting.rest import RestError

Action = Literal["made", "changed", "unchanged", "missing"]
BUILD_VALIDATION = "0609b952-1397-4640-95ec-e00a01b2c241"
REVIEW = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"
APPROVAL = "8c6f20a7-a545-4486-9777-f762fafe0d4d"
EXCLUSIVE_LOCK = "2ef31ad6-baa0-403a-8b45-2cbc9b4e5563"
# A preview is trusted for so many minutes after its target branch went on. A check waits for as many as it may, but for
# one that nobody answers: there, so many as Azure DevOps has by itself.
_VALID, _WAITING, _EVALUATED = 720, 43_200, 1_440
_CHECKS = "pipelines/checks/configurations"
_SIGNED_OUT, _FORBIDDEN, _UNKNOWN = 401, 403, 404

_Strict = Callable[[Mapping[str, Any]], dict[str, Any]]
"""What gives settings, made no less strict than they must be."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was done about one guard, and what is to do by hand where it is missing."""

    what: str
    action: Action
    hint: str = ""


class Guards:
    """The guards of one project, for one pipeline; a rehearsal changes nothing and says what it would do."""

    def __init__(self, project: Project, pipeline: str, *, rehearsal: bool = False) -> None:
        self._project = project
        self._rehearsal = rehearsal
        self._pipeline = self._find_pipeline(pipeline)

    def _find_pipeline(self, wanted: str) -> dict[str, Any]:
        with _needing(f"pipeline {wanted!r}", "to see it (token: Build, read)"):
            if wanted.isdigit():
                return dict(self._project.ask("GET", f"build/definitions/{wanted}"))
            found = self._project.listed("build/definitions", name=wanted)
        if len(found) != 1:
            many = "several pipelines are" if found else "no pipeline is"
            raise DeliveryError(f"{many} called {wanted!r} in this project: give its number, as in its address")
        return found[0]

    def policies(self, repository: str, branches: Sequence[str]) -> Iterator[Outcome]:
        """Demand a green run of the pipeline, and a review, before anything is merged into the branches."""
        with _needing(f"repository {repository!r}", "to read it (token: Code, read & write)"):
            identity = self._project.ask("GET", f"git/repositories/{quote(repository, safe='')}")["id"]
        places = {
            branch: {"repositoryId": identity, "refName": f"refs/heads/{branch}", "matchKind": "Exact"}
            for branch in branches
        }
        yield from self._policies("build validation", BUILD_VALIDATION, places, self._validated)
        yield from self._policies("review", REVIEW, places, strictness.reviewed)

    def _validated(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        own = {"queueOnSourceUpdateOnly": True, "manualQueueOnly": False, "validDuration": _VALID}
        return {**(settings or own), "buildDefinitionId": self._pipeline["id"]}

    def _policies(
        self, name: str, kind: str, places: Mapping[str, dict[str, str]], strict: _Strict
    ) -> Iterator[Outcome]:
        with _needing(name, "'Edit policies' on the repository (token: Code, read & write)"):
            known = self._project.listed("policy/configurations", policyType=kind)
            for branch, place in places.items():
                found = [each for each in known if self._is_for(each, place)]
                yield Outcome(what=f"{name} on {branch}", action=self._policy(kind, found, place, strict))

    def _is_for(self, policy: dict[str, Any], place: dict[str, str]) -> bool:
        settings = policy.get("settings") or {}
        # The validation by another pipeline is another policy.
        own = settings.get("buildDefinitionId", self._pipeline["id"]) == self._pipeline["id"]
        return own and not policy.get("isDeleted") and any(_same(place, each) for each in settings.get("scope") or [])

    def _policy(self, kind: str, found: Sequence[dict[str, Any]], place: dict[str, str], strict: _Strict) -> Action:
        for each in found:
            if each.get("isEnabled") and each.get("isBlocking") and strict(each["settings"]) == each["settings"]:
                return "unchanged"
        settings = strict(found[0]["settings"]) if found else {**strict({}), "scope": [place]}
        policy = {"isEnabled": True, "isBlocking": True, "type": {"id": kind}, "settings": settings}
        if found:
            self._send("PUT", f"policy/configurations/{found[0]['id']}", policy, VERSION)
            return "changed"
        self._send("POST", "policy/configurations", policy, VERSION)
        return "made"

    def environment(self, name: str, approvers: Sequence[str] | None) -> Iterator[Outcome]:
        """Make an environment that one run at a time deploys to; it is approved where `approvers` is not None."""
        with _needing(f"environment {name}", "to be a creator of environments (token: Environment, read & manage)"):
            found = self._project.listed("distributedtask/environments", version=PREVIEW, name=name)
            found = [each for each in found if each["name"].lower() == name.lower()]
            action: Action = "unchanged"
            if not found:
                said = {"name": name, "description": "Made by `make pipeline-setup`."}
                action, found = "made", [self._send("POST", "distributedtask/environments", said) or {"name": name}]
            yield Outcome(what=f"environment {name}", action=action)
        right = f"to be an administrator of {name} (token: Pipeline resources, use and manage)"
        with _needing(f"checks of {name}", right):
            resource = {"type": "environment", "id": str(found[0].get("id", "")), "name": name}
            checks = self._checks(resource)
            yield Outcome(what=f"exclusive lock of {name}", action=self._lock(resource, checks))
            if approvers is not None:
                yield self._approved(resource, checks, approvers)
        with _needing(f"permission for {name}", right):
            yield self._permission(resource)

    def connection(
        self, name: str, allowed: Sequence[str] | None, *, more: Sequence[str] = (), protected: bool = False
    ) -> Iterator[Outcome]:
        """Let the pipeline use a service connection, from the allowed branches alone where they are not None.

        A pull request brings its own YAML, so nothing but a check of the connection itself keeps that from naming it.
        `more` may be let in by hand; `protected` is whether each of the branches must be.
        """
        right = (
            f"to be an administrator of {name} (token: Service connections, read; Pipeline resources, use and manage)"
        )
        with _needing(f"service connection {name}", right):
            found = self._project.listed("serviceendpoint/endpoints", endpointNames=name)
            found = [each for each in found if each["name"].lower() == name.lower()]
            if not found:
                yield Outcome(
                    what=f"service connection {name}", action="missing", hint="make it first; docs/pipeline.md"
                )
                return
            resource = {"type": "endpoint", "id": str(found[0]["id"]), "name": name}
            if allowed is not None:
                action = self._control(
                    resource, lambda was: strictness.controlled(was, allowed, more=more, protected=protected)
                )
                yield Outcome(what=f"branch control of {name}", action=action)
            # Not before the control is there.
            yield self._permission(resource)

    def _checks(self, resource: dict[str, str]) -> list[dict[str, Any]]:
        query = {"resourceType": resource["type"], "resourceId": resource["id"], "$expand": "settings"}
        return self._project.listed(_CHECKS, version=PREVIEW, **query) if resource["id"] else []

    def _control(self, resource: dict[str, str], strict: _Strict) -> Action:
        found = [each for each in self._checks(resource) if strictness.is_branch_control(each)]
        if any(not each.get("isDisabled") and strict(each["settings"]) == each["settings"] for each in found):
            return "unchanged"
        first = found[0] if found else None
        check = _check(strictness.TASK_CHECK, "Task Check", resource, strict(first["settings"] if first else {}))
        return self._configure(first, check | {"timeout": _EVALUATED})

    def _lock(self, resource: dict[str, str], checks: Sequence[dict[str, Any]]) -> Action:
        found = _of_type(checks, EXCLUSIVE_LOCK)
        if found and not found.get("isDisabled"):
            return "unchanged"
        return self._configure(found, _check(EXCLUSIVE_LOCK, "ExclusiveLock", resource, {}))

    def _approved(
        self, resource: dict[str, str], checks: Sequence[dict[str, Any]], approvers: Sequence[str]
    ) -> Outcome:
        action = self._approval(resource, checks, approvers)
        hint = "run it again with --approver ID" if action == "missing" else ""
        return Outcome(what=f"approval of {resource['name']}", action=action, hint=hint)

    def _approval(self, resource: dict[str, str], checks: Sequence[dict[str, Any]], approvers: Sequence[str]) -> Action:
        found = _of_type(checks, APPROVAL)
        settings = dict(found.get("settings") or {}) if found else _APPROVED_BY_ANOTHER
        known = list(settings.get("approvers") or [])
        more = [{"id": each} for each in approvers if each.lower() not in {str(one["id"]).lower() for one in known}]
        if found and not more and not found.get("isDisabled"):
            return "unchanged"
        if not known and not more:
            return "missing"
        return self._configure(found, _check(APPROVAL, "Approval", resource, settings | {"approvers": known + more}))

    def _configure(self, found: dict[str, Any] | None, check: dict[str, Any]) -> Action:
        if found:
            again = {"id": found["id"], "isDisabled": False, "timeout": found.get("timeout", _WAITING)}
            self._send("PATCH", f"{_CHECKS}/{found['id']}", check | again)
            return "changed"
        self._send("POST", _CHECKS, check)
        return "made"

    def _permission(self, resource: dict[str, str]) -> Outcome:
        kind = {"endpoint": "service connection"}.get(resource["type"], resource["type"])
        what = f"permission for the pipeline to use {kind} {resource['name']}"
        path = f"pipelines/pipelinepermissions/{resource['type']}/{resource['id']}"
        known = self._project.ask("GET", path, version=PREVIEW) if resource["id"] else {}
        everyone = bool((known.get("allPipelines") or {}).get("authorized"))
        if everyone and resource["type"] == "endpoint":
            # A branch of the same name in another repository is guarded by nobody.
            hint = "every pipeline of the project may; restrict that in its security"
            return Outcome(what=what.replace("pipeline", "pipeline alone"), action="missing", hint=hint)
        given = [each["id"] for each in known.get("pipelines") or [] if each.get("authorized")]
        if self._pipeline["id"] in given or everyone:
            return Outcome(what=what, action="unchanged")
        self._send("PATCH", path, {"pipelines": [{"id": self._pipeline["id"], "authorized": True}]})
        return Outcome(what=what, action="made")

    def _send(self, method: str, path: str, body: dict[str, Any], version: str = PREVIEW) -> dict[str, Any]:
        return {} if self._rehearsal else dict(self._project.ask(method, path, body, version=version))


# Whoever began the run is nobody to approve it.
_APPROVED_BY_ANOTHER: dict[str, Any] = {
    "executionOrder": "anyOrder",
    "minRequiredApprovers": 1,
    "requesterCannotBeApprover": True,
    "instructions": "Look at what the run says that it will change.",
    "blockedApprovers": [],
}


def _check(identity: str, name: str, resource: dict[str, str], settings: dict[str, Any]) -> dict[str, Any]:
    return {"type": {"id": identity, "name": name}, "settings": settings, "resource": resource, "timeout": _WAITING}


def _of_type(checks: Sequence[dict[str, Any]], identity: str) -> dict[str, Any] | None:
    return next((each for each in checks if str(each["type"]["id"]).lower() == identity), None)


def _same(place: dict[str, str], scope: dict[str, Any]) -> bool:
    return all(str(scope.get(key)).lower() == value.lower() for key, value in place.items())


@contextmanager
def _needing(what: str, right: str) -> Iterator[None]:
    """Say in an error what it is about, and which right is missing where that is it."""
    hints = {
        _SIGNED_OUT: "the token is not taken; renew it, or sign in with `az login`",
        _FORBIDDEN: f"you need {right}",
        _UNKNOWN: f"there is none, or you need {right}",
    }
    try:
        yield
    except RestError as error:
        hint = hints.get(error.status)
        raise DeliveryError(f"{what}: {error}" + (f": {hint}" if hint else "")) from None
