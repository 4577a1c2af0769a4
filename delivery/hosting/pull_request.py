"""A pull request in Azure Repos or on GitHub, as a run of Azure Pipelines reaches it: its comments, and its end."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from delivery.error import DeliveryError
from delivery.hosting.azure_devops import Project, bearer
from delivery.hosting.rest import RestError, Service, address

LIMIT = 65_536
"""The most characters of a comment on GitHub; Azure Repos takes 150,000."""
_PAGE, _PAGES = 100, 30
_GITHUB = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_AZURE_HINTS = {
    401: "the token is not taken; map SYSTEM_ACCESSTOKEN: $(System.AccessToken) in the step's env",
    403: "the build service may not comment, or not read; it needs 'Contribute to pull requests', or 'Read', there",
    404: "it knows no such pull request, or the build service may not read it",
    429: "too many were asked of it",
}
_GITHUB_HINTS = {
    401: "the token is not taken; renew GITHUB_TOKEN",
    403: "the token may not comment, or not read; it needs 'Pull requests: read and write', or 'Pull requests: read'",
    404: "it knows no such pull request, or the token may not read the repository",
    422: "it does not take this comment",
    429: "too many were asked of it",
}
_MAY_NOT = 403
# What the services call a pull request that nothing more comes of, and one that is still open.
_AZURE_ENDS, _AZURE_OPEN = frozenset({"completed", "abandoned"}), "active"
_GITHUB_ENDS, _GITHUB_OPEN = frozenset({"closed"}), "open"
# GitHub has an id of its own for each pull request, and its number is what people call it by.
_NUMBERS = {"TfsGit": "SYSTEM_PULLREQUEST_PULLREQUESTID", "GitHub": "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER"}


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A comment that stands on its own; `open` is whether its thread is active, where there are threads."""

    id: int
    text: str
    open: bool = False
    thread: int = 0


class PullRequest(Protocol):
    """A pull request whose comments can be read and written, and that has an end."""

    def ended(self) -> bool:
        """Tell whether it is merged or given up.

        Raises:
            DeliveryError: the service does not say; a RestError has the status that it answers with.
        """

    def comments(self) -> list[Comment]:
        """Give the comments, the oldest first, without the replies."""

    def add(self, text: str, *, wants_attention: bool) -> None:
        """Comment."""

    def update(self, comment: Comment, text: str, *, wants_attention: bool) -> None:
        """Write a comment anew. Somebody else's, which that may not be done to, gets a successor."""

    def close(self) -> None:
        """End the connections."""


class AzurePullRequest:
    """A pull request in Azure Repos: a comment is a thread, active while it wants attention."""

    def __init__(self, project: Project, repository: str, number: int) -> None:
        self._project = project
        self._own = f"git/repositories/{quote(repository, safe='')}/pullRequests/{number}"
        self._path = f"{self._own}/threads"

    def ended(self) -> bool:
        """Tell whether it is completed or abandoned."""
        return _has_ended(self._project.ask("GET", self._own), "status", _AZURE_ENDS, _AZURE_OPEN)

    def comments(self) -> list[Comment]:
        """Give the first comment of each thread."""
        found = []
        for thread in self._project.listed(self._path):
            first = next((each for each in thread.get("comments") or [] if not each.get("isDeleted")), None)
            if first and not thread.get("isDeleted") and not first.get("parentCommentId"):
                text, active = str(first.get("content") or ""), thread.get("status") == "active"
                found.append(Comment(id=first["id"], text=text, open=active, thread=thread["id"]))
        return sorted(found, key=lambda comment: comment.thread)

    def add(self, text: str, *, wants_attention: bool) -> None:
        """Begin a thread."""
        comment = {"parentCommentId": 0, "content": text, "commentType": "text"}
        self._project.ask("POST", self._path, {"comments": [comment], "status": _status(wants_attention)})

    def update(self, comment: Comment, text: str, *, wants_attention: bool) -> None:
        """Write the thread's comment anew, and open or close the thread."""
        thread = f"{self._path}/{comment.thread}"
        if comment.text != text:
            try:
                self._project.ask("PATCH", f"{thread}/comments/{comment.id}", {"content": text})
            except RestError as error:
                if error.status != _MAY_NOT:
                    raise
                self.add(text, wants_attention=wants_attention)
                return
        if comment.open != wants_attention:
            self._project.ask("PATCH", thread, {"status": _status(wants_attention)})

    def close(self) -> None:
        """End the connections."""
        self._project.close()


def _status(wants_attention: bool) -> str:
    return "active" if wants_attention else "closed"


class GitHubPullRequest:
    """A pull request on GitHub, whose comments are those of an issue; they have no status."""

    def __init__(self, service: Service, repository: str, number: int) -> None:
        self._service = service
        self._own = f"repos/{quote(repository)}/pulls/{number}"
        self._issues = f"repos/{quote(repository)}/issues"
        self._number = number

    def ended(self) -> bool:
        """Tell whether it is closed, merged or not."""
        return _has_ended(self._service.ask("GET", self._own), "state", _GITHUB_ENDS, _GITHUB_OPEN)

    def comments(self) -> list[Comment]:
        """Give the comments of the conversation."""
        found: list[Any] = []
        for page in range(1, _PAGES + 1):
            new = self._service.ask("GET", self._path, per_page=_PAGE, page=page)
            found += new
            if len(new) < _PAGE:
                break
        return [Comment(id=each["id"], text=str(each.get("body") or "")) for each in found]

    def add(self, text: str, *, wants_attention: bool) -> None:  # noqa: ARG002 - no comment has a status here
        """Comment."""
        self._service.ask("POST", self._path, {"body": text})

    def update(self, comment: Comment, text: str, *, wants_attention: bool) -> None:
        """Write a comment anew."""
        if comment.text == text:
            return
        try:
            self._service.ask("PATCH", f"{self._issues}/comments/{comment.id}", {"body": text})
        except RestError as error:
            if error.status != _MAY_NOT:
                raise
            self.add(text, wants_attention=wants_attention)

    def close(self) -> None:
        """End the connections."""
        self._service.close()

    @property
    def _path(self) -> str:
        return f"{self._issues}/{self._number}/comments"


def _has_ended(answer: Any, key: str, ends: Collection[str], still_open: str) -> bool:
    state = str(answer.get(key)) if isinstance(answer, dict) else ""
    if state not in {still_open, *ends}:
        raise DeliveryError(f"the answer says neither {' nor '.join((still_open, *sorted(ends)))}")
    return state in ends


def number(run: Mapping[str, str]) -> int:
    """Give the number of the pull request of the run that these variables are of.

    Raises:
        DeliveryError: there is none.
    """
    return _number(run, _NUMBERS.get(run.get("BUILD_REPOSITORY_PROVIDER", ""), _NUMBERS["TfsGit"]))


def of_this_run(run: Mapping[str, str], provider: str | None = None) -> PullRequest:
    """Find the pull request of the run that these variables are of.

    Raises:
        DeliveryError: there is none, or no token for it.
    """
    found = _provider(run, provider)
    return _MAKERS[found](run, _number(run, _NUMBERS[found]))


def numbered(run: Mapping[str, str], number: int) -> PullRequest:
    """Find a pull request of the repository whose run these variables are of, whatever that runs for.

    Raises:
        DeliveryError: it is no run of the pipeline, or has no token for it.
    """
    return _MAKERS[_provider(run)](run, number)


def _provider(run: Mapping[str, str], chosen: str | None = None) -> str:
    """Say what BUILD_REPOSITORY_PROVIDER calls the service."""
    repository = run.get("BUILD_REPOSITORY_PROVIDER", "")
    found = {"azure": "TfsGit", "github": "GitHub"}.get(chosen or "", repository)
    if not found:
        raise DeliveryError("this is no run of Azure Pipelines")
    if found not in _MAKERS:
        raise DeliveryError(f"a repository of {repository} is in neither Azure Repos (TfsGit) nor GitHub")
    return found


def _azure(run: Mapping[str, str], number: int) -> PullRequest:
    token = _given(run, "SYSTEM_ACCESSTOKEN", "map SYSTEM_ACCESSTOKEN: $(System.AccessToken) in the step's env")
    collection, project, repository = (
        _given(run, name, "this is no run of Azure Pipelines")
        for name in ("SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "BUILD_REPOSITORY_ID")
    )
    return AzurePullRequest(Project(collection, project, bearer(token), _AZURE_HINTS), repository, number)


def _github(run: Mapping[str, str], number: int) -> PullRequest:
    token = _given(run, "GITHUB_TOKEN", "map it from a secret variable in the step's env; a fork's run has none")
    repository = _given(run, "BUILD_REPOSITORY_NAME", "this is no run of Azure Pipelines")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise DeliveryError("BUILD_REPOSITORY_NAME is not OWNER/NAME")
    where = address("https://api.github.com", "github")
    service = Service("GitHub", where, bearer(token), headers=_GITHUB, hints=_GITHUB_HINTS)
    return GitHubPullRequest(service, repository, number)


_MAKERS: Mapping[str, Callable[[Mapping[str, str], int], PullRequest]] = {"TfsGit": _azure, "GitHub": _github}


def _number(run: Mapping[str, str], name: str) -> int:
    text = run.get(name, "").strip()
    if not (text.isascii() and text.isdigit()):
        raise DeliveryError("this is no run of a pull request")
    return int(text)


def _given(run: Mapping[str, str], name: str, hint: str) -> str:
    value = run.get(name, "").strip()
    # An undefined variable of a pipeline is left as it was written.
    if not value or value.startswith("$("):
        raise DeliveryError(f"{name} is not set: {hint}")
    return value
