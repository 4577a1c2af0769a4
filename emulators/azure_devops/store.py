"""What the stand-in holds, in memory: pull requests and their comments; policies, environments, checks, permissions."""

import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Thing = dict[str, Any]
OURS = "build service"
"""Who the token `emulated` is; nobody edits somebody else's comment."""
AZURE_LIMIT, GITHUB_LIMIT = 150_000, 65_536
_STATUSES = ("unknown", "active", "fixed", "wontFix", "closed", "byDesign", "pending")
_BUILD, _REVIEW = "0609b952-1397-4640-95ec-e00a01b2c241", "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"
_TASK_CHECK = "fe1de3ee-a436-41b4-bb20-f6eb4cb879a7"
_CHECK_TYPES = {"8c6f20a7-a545-4486-9777-f762fafe0d4d", "2ef31ad6-baa0-403a-8b45-2cbc9b4e5563", _TASK_CHECK}
_BRANCH_CONTROL = "86b05a0c-73e6-4f7d-b3cf-e38f3b39a75b"


class RefusedError(Exception):
    """What a service does not do, and the status that it says so with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Store:
    """Everything, by the names and numbers that addresses have."""

    pipelines: dict[str, int] = field(default_factory=lambda: {"prefect-aks": 7})
    repositories: dict[str, str] = field(
        default_factory=lambda: {"prefect-aks": str(uuid.uuid5(uuid.NAMESPACE_DNS, "prefect-aks"))}
    )
    connections: dict[str, str] = field(
        default_factory=lambda: {
            name: str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
            for stack in ("dev", "stage", "prod")
            for name in (f"prefect-{stack}", f"prefect-{stack}-preview")
        }
    )
    """The service connections, by name."""
    ends: dict[str, str] = field(default_factory=dict)
    """What a pull request's state is, where it is not open, by repository and number; "" is one that nobody opened."""
    threads: defaultdict[str, list[Thing]] = field(default_factory=lambda: defaultdict(list))
    """By repository and pull request, in Azure Repos."""
    comments: defaultdict[str, list[Thing]] = field(default_factory=lambda: defaultdict(list))
    """By repository and issue, on GitHub."""
    policies: list[Thing] = field(default_factory=list)
    environments: list[Thing] = field(default_factory=list)
    checks: list[Thing] = field(default_factory=list)
    permitted: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """The pipelines that may use an environment or a service connection, by its type and id."""
    open: set[str] = field(default_factory=set)
    """What every pipeline may use."""
    _last: int = 100

    def clear(self) -> None:
        """Hold nothing but the pipelines, the repositories and the service connections."""
        for held in (self.ends, self.threads, self.comments, self.permitted, self.open):
            held.clear()
        for things in (self.policies, self.environments, self.checks):
            things.clear()

    def number(self) -> int:
        """Give a number that nothing has yet."""
        self._last += 1
        return self._last

    def pull_request(self, place: str, number: str, state: str) -> Thing:
        """Give a pull request, by the words that the service has for its number and its state."""
        found = self.ends.get(place, {"status": "active", "state": "open"}[state])
        if not found:
            raise RefusedError(404, f"There is no pull request {place}.")
        return {number: int(place.rpartition("/")[2]), state: found}

    def begin_thread(self, place: str, asked: Thing, author: str = OURS) -> Thing:
        """Take a thread with its first comment."""
        first, *rest = asked.get("comments") or [{}]
        _require(not rest and asked.get("status") in _STATUSES, "a thread has one comment and a status")
        _require(first.get("commentType") in {"text", 1}, "a comment is a text")
        text = _text(first.get("content"), AZURE_LIMIT)
        comment = {
            "id": 1,
            "parentCommentId": 0,
            "content": text,
            "commentType": "text",
            "author": {"displayName": author},
        }
        thread = {"id": self.number(), "status": asked["status"], "comments": [comment], "isDeleted": False}
        self.threads[place].append(thread)
        return thread

    def edit_thread(self, place: str, number: int, asked: Thing) -> Thing:
        """Give a thread another status."""
        thread = one(self.threads[place], number, "thread")
        _require(asked.get("status") in _STATUSES, "there is no such status")
        thread["status"] = asked["status"]
        return thread

    def edit_comment(self, place: str, thread: int, number: int, asked: Thing) -> Thing:
        """Give a comment another text."""
        comment = one(one(self.threads[place], thread, "thread")["comments"], number, "comment")
        if comment["author"]["displayName"] != OURS:
            raise RefusedError(403, "TF401181: The comment cannot be edited by anybody but its author.")
        comment["content"] = _text(asked.get("content"), AZURE_LIMIT)
        return comment

    def comment(self, place: str, asked: Thing) -> Thing:
        """Take a comment on an issue."""
        added = {"id": self.number(), "body": _text(asked.get("body"), GITHUB_LIMIT, 422), "user": {"login": OURS}}
        self.comments[place].append(added)
        return added

    def edit_issue_comment(self, number: int, asked: Thing) -> Thing:
        """Give a comment on an issue another text."""
        comment = one([each for some in self.comments.values() for each in some], number, "comment")
        if comment["user"]["login"] != OURS:
            raise RefusedError(403, "Resource not accessible by integration")
        comment["body"] = _text(asked.get("body"), GITHUB_LIMIT, 422)
        return comment

    def put_policy(self, asked: Thing, number: int | None = None) -> Thing:
        """Take a branch policy, or another content of one."""
        settings = asked.get("settings") or {}
        scope = settings.get("scope") or [{}]
        flags = all(isinstance(asked.get(name), bool) for name in ("isEnabled", "isBlocking"))
        _require(flags and "id" in (asked.get("type") or {}), "a policy has a type, isEnabled and isBlocking")
        kind = asked["type"]["id"]
        _require(kind in {_BUILD, _REVIEW}, "there is no such type of policy")
        if kind == _BUILD:
            _require(settings.get("buildDefinitionId") in self.pipelines.values(), "there is no such build definition")
        else:
            _require(isinstance(settings.get("minimumApproverCount"), int), "a review has a number of approvers")
        _require(all(each.get("refName", "").startswith("refs/heads/") for each in scope), "a scope has a branch")
        return _put(self.policies, asked, number, self.number, "policy")

    def add_environment(self, asked: Thing) -> Thing:
        """Take an environment."""
        name = asked.get("name") or ""
        _require(bool(name), "an environment has a name")
        if any(each["name"].lower() == name.lower() for each in self.environments):
            raise RefusedError(409, f"Environment {name} exists already.")
        return _put(self.environments, asked, None, self.number, "environment")

    def put_check(self, asked: Thing, number: int | None = None) -> Thing:
        """Take a check on an environment or a service connection, or another content of one."""
        kind, resource = asked.get("type") or {}, asked.get("resource") or {}
        _require(str(kind.get("id")).lower() in _CHECK_TYPES, "there is no such type of check")
        _require("settings" in asked and "type" in resource, "a check has a resource and settings")
        self.resource(str(resource["type"]), str(resource.get("id")))
        if kind["id"] == _TASK_CHECK:
            settings = asked["settings"]
            inputs = settings.get("inputs") or {}
            _require((settings.get("definitionRef") or {}).get("id") == _BRANCH_CONTROL, "there is no such task")
            _require(all(isinstance(each, str) for each in inputs.values()), "an input of a task is a text")
            branches = str(inputs.get("allowedBranches", "")).split(",")
            _require(all(each.strip().startswith("refs/") for each in branches), "a branch has its whole name")
        return _put(self.checks, asked, number, self.number, "check")

    def resource(self, kind: str, identity: str) -> str:
        """Give the key of an environment or a service connection that there is."""
        known = {"environment": [str(each["id"]) for each in self.environments], "endpoint": self.connections.values()}
        if identity not in known.get(kind, ()):
            raise RefusedError(404, f"There is no {kind} {identity}.")
        return f"{kind}/{identity}"


def one(things: list[Thing], number: int, what: str) -> Thing:
    """Find a thing by its number."""
    found = next((each for each in things if each["id"] == number), None)
    if found is None:
        raise RefusedError(404, f"There is no {what} {number}.")
    return found


def _put(things: list[Thing], asked: Thing, number: int | None, new: Callable[[], int], what: str) -> Thing:
    if number is None:
        things.append({**asked, "id": new()})
        return things[-1]
    found = one(things, number, what)
    found.update({**asked, "id": number})
    return found


def _require(true: bool, message: str) -> None:
    if not true:
        raise RefusedError(400, message)


def _text(given: Any, limit: int, status: int = 400) -> str:
    if not isinstance(given, str) or not 0 < len(given) <= limit:
        raise RefusedError(status, f"A comment has 1 to {limit} characters.")
    return given
