"""Taking pull requests' projects away: that of one, or those of all pull requests that have ended.

The service that hosts the repository says which have. Where it does not, the project stays.
"""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from delivery.console import say, warn
from delivery.error import DeliveryError
from delivery.hosting import pull_request
from delivery.hosting.rest import RestError
from delivery.pr_project.trial import Removed, Trial
from registration.api import Api
from registration.error import RegistrationError

_NOT_THERE = 404


def close(trial: Trial, api: Api, *, as_json: bool) -> int:
    """Remove a project, whatever became of its pull request, and give the exit code."""
    removed = trial.remove(api)
    say(json.dumps(_record(trial, removed), indent=2) if as_json else _line(trial, removed))
    return 0


def close_ended(trials: Mapping[int, Trial], api: Api, *, as_json: bool) -> int:
    """Remove the projects, by their pull requests' numbers, of those that have ended, and give the exit code."""
    work = _Closing(api, (lambda _: None) if as_json else say)
    records = [work.close(number, trial) for number, trial in trials.items()]
    work.check()
    if as_json:
        say(json.dumps(records, indent=2))
    elif not work.failed and not any(each["removed"] for each in records):
        say("nothing to remove: no project is known to be of a pull request that has ended")
    return 1 if work.failed else 0


class _Closing:
    """Goes through projects, and on after one that cannot be removed."""

    def __init__(self, api: Api, tell: Callable[[str], None]) -> None:
        self.failed = False
        self._asked, self._unknown = 0, 0
        self._api, self._tell = api, tell
        # What a service does not say of one pull request, a missing token say, it says of none.
        self._asks = True

    def close(self, number: int, trial: Trial) -> dict[str, Any]:
        """Remove a project if its pull request is known to have ended, and give what came of it."""
        ended = self._ended(number, trial) if self._asks else None
        removed = self._remove(trial) if ended else Removed(project=False)
        return {**_record(trial, removed), "ended": ended}

    def check(self) -> None:
        """Fail where the service knows none of the pull requests: it says the same to whom it shows no repository."""
        if self._asked and self._unknown == self._asked:
            self._fail(
                "it knows no pull request of these projects: let the token read the repository, "
                "or remove a project with PR=NUMBER CLOSE=1"
            )

    def _ended(self, number: int, trial: Trial) -> bool | None:
        self._asked += 1
        try:
            with closing(pull_request.numbered(os.environ, number)) as asked:
                ended = asked.ended()
        except DeliveryError as error:
            if isinstance(error, RestError) and error.status == _NOT_THERE:
                self._unknown += 1
                self._tell(f"project {trial.name} stays: {error}")
            else:
                self._asks = False
                self._fail(f"nobody knows whether pull request {number} has ended, so what is left stays: {error}")
            return None
        if not ended:
            self._tell(f"project {trial.name} stays: its pull request has not ended")
        return ended

    def _remove(self, trial: Trial) -> Removed:
        try:
            removed = trial.remove(self._api)
        except (DeliveryError, RegistrationError) as error:
            self._fail(f"project {trial.name} cannot be removed: {error}")
            return Removed(project=False)
        self._tell(_line(trial, removed))
        return removed

    def _fail(self, message: str) -> None:
        self.failed = True
        warn(f"error: {message}")


def _line(trial: Trial, removed: Removed) -> str:
    if removed.project:
        return f"removed project {trial.name} with {removed.flows} flow(s); {removed.runs} run(s) were cancelled"
    left = f"what {removed.agents} agent(s) of it left was removed" if removed.agents else "nothing to remove"
    return f"there is no project {trial.name}; {left}"


def _record(trial: Trial, removed: Removed) -> dict[str, Any]:
    return {
        "project": trial.name,
        "removed": removed.project,
        "flows": removed.flows,
        "runs": removed.runs,
        "agents": removed.agents,
    }
