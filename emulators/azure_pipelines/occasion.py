"""What a pipeline is run for: a push, a pull request or the clock, and whether that starts a run at all."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from emulators.azure_pipelines.error import PipelineError

ABSENT = (
    "System.PullRequest.PullRequestId",
    "System.PullRequest.PullRequestNumber",
    "System.PullRequest.SourceBranch",
    "System.PullRequest.TargetBranch",
    "System.PullRequest.TargetBranchName",
)
"""Variables that a run has only when it is a pull request's, and the second only on GitHub."""
_INTERNAL_IDS = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """What starts a run; `branch` is short, as `feature/x`."""

    reason: str
    """As in `Build.Reason`: IndividualCI, PullRequest, Schedule or Manual."""
    branch: str
    """Of a pull request it is the one that it goes to."""
    pull_request: int = 0
    fork: bool | None = False
    """None where nobody knows."""
    told: bool = True
    """Whether templates are told where a pull request comes from: it is documented nowhere for sure."""
    provider: str = "TfsGit"
    """Where the repository is, as in `Build.Repository.Provider`: TfsGit (Azure Repos) or GitHub."""

    def before(self) -> dict[str, str]:
        """Give the variables that templates may read."""
        reference = f"refs/pull/{self.pull_request}/merge" if self.pull_request else f"refs/heads/{self.branch}"
        return {
            "Build.Reason": self.reason,
            "Build.Repository.Provider": self.provider,
            "Build.SourceBranch": reference,
            "Build.SourceBranchName": reference.rpartition("/")[2],
            "System.PullRequest.IsFork": self._origin if self.told else "",
        }

    def during(self) -> dict[str, str]:
        """Give the variables that there are when steps run."""
        if not self.pull_request:
            return self.before()
        given = {
            "System.PullRequest.IsFork": self._origin,
            "System.PullRequest.PullRequestId": str(self.pull_request),
            "System.PullRequest.SourceBranch": "refs/heads/feature/x",
            "System.PullRequest.TargetBranch": f"refs/heads/{self.branch}",
            "System.PullRequest.TargetBranchName": self.branch,
        }
        return {**self.before(), **given, **(self._on_github() if self.provider == "GitHub" else {})}

    def _on_github(self) -> dict[str, str]:
        """Give what is otherwise there: a pull request's id is an internal one, and branches have their short names."""
        return {
            "System.PullRequest.PullRequestId": str(_INTERNAL_IDS + self.pull_request),
            "System.PullRequest.PullRequestNumber": str(self.pull_request),
            "System.PullRequest.SourceBranch": "feature/x",
            "System.PullRequest.TargetBranch": self.branch,
        }

    @property
    def _origin(self) -> str:
        return "" if self.fork is None else str(self.fork)

    def starts(self, pipeline: Mapping[str, Any], changed: Collection[str] = ()) -> bool:
        """Tell whether a run starts; `changed` are the paths that a push changes."""
        if self.reason == "Manual":
            return True
        if self.reason == "Schedule":
            return any(_included(schedule["branches"], self.branch) for schedule in pipeline["schedules"])
        if self.reason == "PullRequest":
            return _included(pipeline["pr"]["branches"], self.branch)
        trigger = pipeline["trigger"]
        excluded = _known(trigger.get("paths", {}), {"exclude"}).get("exclude", [])
        matters = [path for path in changed if not any(_matches(path, pattern, "/") for pattern in excluded)]
        return _included(trigger["branches"], self.branch) and bool(matters)


def push(branch: str) -> Occasion:
    """Somebody pushed to a branch."""
    return Occasion(reason="IndividualCI", branch=branch)


def pull_request(target: str, *, fork: bool = False, number: int = 17, provider: str = "TfsGit") -> Occasion:
    """Somebody opened or renewed a pull request to a branch."""
    return Occasion(reason="PullRequest", branch=target, pull_request=number, fork=fork, provider=provider)


def nightly(branch: str = "main") -> Occasion:
    """It is the hour of the schedule."""
    return Occasion(reason="Schedule", branch=branch)


def _included(branches: Mapping[str, Any], branch: str) -> bool:
    return any(_matches(branch, pattern) for pattern in _known(branches, {"include"})["include"])


def _known(filters: Mapping[str, Any], keys: set[str]) -> Mapping[str, Any]:
    if unknown := {*filters} - keys:
        raise PipelineError(f"the filter {min(unknown)} is not known here")
    return filters


def _matches(name: str, pattern: str, barrier: str = "") -> bool:
    """Match a name; one `*` stops at `barrier`, two do not."""
    one = f"[^{barrier}]*" if barrier else ".*"
    parts = {"**": ".*", "*": one, "?": "."}
    return bool(
        re.fullmatch("".join(parts.get(part) or re.escape(part) for part in re.split(r"(\*\*|\*|\?)", pattern)), name)
    )
