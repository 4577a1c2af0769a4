"""What guards the branches and the environments of an Azure DevOps project, each made where it is missing.

What is there already and does the same stays as it is, whatever else somebody set of it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from delivery.azure_devops import PREVIEW, VERSION, Project
from delivery.error import DeliveryError
from delivery.rest import RestError

Action = Literal["made", "changed", "unchanged", "missing"]
BUILD_VALIDATION = "0609b952-1397-4640-95ec-e00a01b2c241"
APPROVAL = "8c6f20a7-a545-4486-9777-f762fafe0d4d"
EXCLUSIVE_LOCK = "2ef31ad6-baa0-403a-8b45-2cbc9b4e5563"
# A preview is trusted for so many minutes after its target branch went on; a check waits for as many as it may.
_VALID, _WAITING = 720, 43_200
_CHECKS = "pipelines/checks/configurations"
_SIGNED_OUT, _FORBIDDEN, _UNKNOWN = 401, 403, 404


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was done about one guard."""

    what: str
    action: Action


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
        """Demand a green run of the pipeline before anything is merged into the branches."""
        with _needing(f"repository {repository!r}", "to read it (token: Code, read & write)"):
            identity = self._project.ask("GET", f"git/repositories/{quote(repository, safe='')}")["id"]
        with _needing("build validation", "'Edit policies' on the repository (token: Code, read & write)"):
            known = self._project.listed("policy/configurations", policyType=BUILD_VALIDATION)
            for branch in branches:
                place = {"repositoryId": identity, "refName": f"refs/heads/{branch}", "matchKind": "Exact"}
                found = [each for each in known if self._validates(each, place)]
                yield Outcome(what=f"build validation on {branch}", action=self._policy(found, place))

    def _validates(self, policy: dict[str, Any], place: dict[str, str]) -> bool:
        settings = policy.get("settings") or {}
        own = settings.get("buildDefinitionId") == self._pipeline["id"] and not policy.get("isDeleted")
        return own and any(_same(place, scope) for scope in settings.get("scope") or [])

    def _policy(self, found: Sequence[dict[str, Any]], place: dict[str, str]) -> Action:
        if any(each.get("isEnabled") and each.get("isBlocking") for each in found):
            return "unchanged"
        settings: dict[str, Any] = {
            "buildDefinitionId": self._pipeline["id"],
            "queueOnSourceUpdateOnly": True,
            "manualQueueOnly": False,
            "validDuration": _VALID,
            "scope": [place],
        }
        policy = {"isEnabled": True, "isBlocking": True, "type": {"id": BUILD_VALIDATION}, "settings": settings}
        if found:
            kept = policy | {"settings": found[0]["settings"]}
            self._send("PUT", f"policy/configurations/{found[0]['id']}", kept, VERSION)
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
            query = {"resourceType": "environment", "resourceId": resource["id"], "$expand": "settings"}
            checks = self._project.listed(_CHECKS, version=PREVIEW, **query) if resource["id"] else []
            yield Outcome(what=f"exclusive lock of {name}", action=self._lock(resource, checks))
            if approvers is not None:
                yield Outcome(what=f"approval of {name}", action=self._approval(resource, checks, approvers))
        with _needing(f"permission for {name}", right):
            yield Outcome(what=f"permission for the pipeline to use {name}", action=self._permit(resource["id"]))

    def _lock(self, resource: dict[str, str], checks: Sequence[dict[str, Any]]) -> Action:
        found = _of_type(checks, EXCLUSIVE_LOCK)
        if found and not found.get("isDisabled"):
            return "unchanged"
        return self._configure(found, _check(EXCLUSIVE_LOCK, "ExclusiveLock", resource, {}))

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

    def _permit(self, environment: str) -> Action:
        path = f"pipelines/pipelinepermissions/environment/{environment}"
        known = self._project.ask("GET", path, version=PREVIEW) if environment else {}
        given = [each["id"] for each in known.get("pipelines") or [] if each.get("authorized")]
        if self._pipeline["id"] in given or (known.get("allPipelines") or {}).get("authorized"):
            return "unchanged"
        self._send("PATCH", path, {"pipelines": [{"id": self._pipeline["id"], "authorized": True}]})
        return "made"

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
