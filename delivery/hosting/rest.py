"""JSON over HTTPS with a service of the pipeline's: Azure DevOps or GitHub.

With `PREFECT_AKS_DEVOPS_EMULATOR=http://127.0.0.1:PORT` a stand-in on this machine answers for both; it is for tests
and trials, and no other address is taken. `emulators.azure_devops` is such a stand-in. A token travels in one header
alone, and no message repeats what a server says: that may hold anything.
"""

import os
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from delivery.error import DeliveryError

VARIABLE = "PREFECT_AKS_DEVOPS_EMULATOR"
# Seconds for which one thing is asked again, and those that one answer may take.
SECONDS = 30.0
_ANSWER_SECONDS = 10.0
_AGAIN = frozenset({429, 500, 502, 503, 504})
_PAUSES = (0.5, 1.0, 2.0)
_OK, _MORE_THAN_OK = 200, 203
_FORBIDDEN, _TOO_MANY = 403, 429


class RestError(DeliveryError):
    """A service does not do what it was asked; `status` is 0 where it gave no answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def address(real: str, below: str) -> str:
    """Say where a service answers: at its own address, or `below` the stand-in's.

    Raises:
        DeliveryError: that is not https, or the stand-in is none on this machine.
    """
    stand_in = os.environ.get(VARIABLE, "").rstrip("/")
    if not stand_in:
        if not real.startswith("https://"):
            raise DeliveryError("the service's address is not https, so it is shown no token")
        return real.rstrip("/")
    if not re.fullmatch(r"http://127\.0\.0\.1:\d{1,5}", stand_in):
        raise DeliveryError(f"{VARIABLE} is not http://127.0.0.1:PORT: unset it, or start a stand-in here")
    return f"{stand_in}/{below}"


class Service:
    """A service, and the one who asks it."""

    def __init__(
        self,
        name: str,
        base: str,
        authorization: str,
        *,
        headers: Mapping[str, str] | None = None,
        hints: Mapping[int, str] | None = None,
    ) -> None:
        """Messages call the service by its name, and give the hint for the status of its answer."""
        self.name = name
        self._hints = dict(hints or {})
        self._client = httpx.Client(
            headers={"Accept": "application/json", **(headers or {}), "Authorization": authorization},
            # A proxy of the surroundings has no way to a stand-in.
            trust_env=base.startswith("https://"),
        )
        self._base = base

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Ask for one thing, and give the answer's JSON."""
        return self.answer(method, path, body, **query).json()

    def answer(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        """Do the same, and give the whole answer, which holds JSON.

        What passes is asked again for as long as the time allows; what might then be done twice is not.

        Raises:
            RestError: in one line, with a hint where there is one.
        """
        deadline = time.monotonic() + SECONDS
        for pause in (*_PAUSES, None):
            try:
                answer = self._once(method, path, body, query)
            except httpx.ConnectError:
                error, after = RestError(f"{self.name} cannot be reached"), pause
            except httpx.TransportError as lost:
                what = (
                    "does not answer in time" if isinstance(lost, httpx.TimeoutException) else "breaks off its answer"
                )
                error, after = RestError(f"{self.name} {what}"), None if method == "POST" else pause
            else:
                if _OK <= answer.status_code < _MORE_THAN_OK and _is_json(answer):
                    return answer
                error, after = self._refusal(answer), _wait(answer, method, pause)
            if after is None or time.monotonic() + after > deadline:
                raise error
            time.sleep(after)
        raise AssertionError("the last pause is none")

    def _once(self, method: str, path: str, body: Any, query: Mapping[str, Any]) -> httpx.Response:
        return self._client.request(method, f"{self._base}/{path}", json=body, params=query, timeout=_ANSWER_SECONDS)

    def _refusal(self, answer: httpx.Response) -> RestError:
        status = answer.status_code
        if status in {203, 302} or (status == _OK and not _is_json(answer)):
            # A page to sign in at is what Azure DevOps shows whoever's token it does not know.
            status = 401
        if _limited(answer):
            status = _TOO_MANY
        hint = self._hints.get(status, "")
        said = f"{self.name} answers {answer.status_code}"
        return RestError(f"{said}: {hint}" if hint else said, status)


def _is_json(answer: httpx.Response) -> bool:
    try:
        answer.json()
    except ValueError:
        return False
    return True


def _limited(answer: httpx.Response) -> bool:
    """Whether somebody asks too much; GitHub says so with a 403, too."""
    told = "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0"
    return answer.status_code == _TOO_MANY or (answer.status_code == _FORBIDDEN and told)


def _wait(answer: httpx.Response, method: str, pause: float | None) -> float | None:
    """How many seconds to wait before asking again; None is not to ask."""
    limited = _limited(answer)
    if pause is None or not (limited or answer.status_code in _AGAIN) or (method == "POST" and not limited):
        return None
    given = answer.headers.get("retry-after", "")
    try:
        return max(pause, float(given) if given else 0)
    except ValueError:
        pass
    try:
        return max(pause, parsedate_to_datetime(given).timestamp() - time.time())
    except ValueError:
        return pause
