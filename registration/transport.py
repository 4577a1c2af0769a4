"""GraphQL over HTTP to a Prefect API: bounded in time, with retries, and errors in one line.

Every call must be safe to send twice, because a reply can be lost after the server acted. Once the API is found to be
down, later calls fail at once, so that many flows cost one wait.
"""

import json
import random
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any

import httpx

from registration.address import split
from registration.error import RefusedError, RegistrationError, UnreachableError

# Seconds that one call may take with all its retries, and that one attempt may take.
BUDGET = 18.0
ATTEMPT = 12.0
_CONNECT = 4.0
_ATTEMPTS = 4
_FIRST_PAUSE = 0.25
_DOWN = 30.0
_TRY_AGAIN = frozenset({429, 500, 502, 503, 504})
_REDIRECT, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _TOO_LARGE, _GATEWAY_TIMEOUT = 300, 400, 401, 403, 413, 504


class LostReplyError(UnreachableError):
    """The request was sent, and no good answer came: the server may have acted.

    `unfinished` says that it may still be at work, so that asking again could make it act twice.
    """

    unfinished = False


class Transport:
    """Sends one GraphQL document at a time; safe to share between threads.

    Args:
        url: The API's address, without credentials in it.
        client: An HTTP client of the caller's, with its own credentials and certificates; else a plain one.
    """

    def __init__(self, url: str, client: httpx.Client | None = None) -> None:
        address = split(url, "the API", "which is all that Prefect Server takes")
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise RegistrationError("the address of the API is not an http:// or https:// address")
        self.url = url
        self._client = client or httpx.Client(trust_env=False)
        self._down: UnreachableError | None = None
        self._down_until = 0.0
        self._lock = threading.Lock()

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def send(
        self, document: str, variables: Mapping[str, Any], *, once: bool = False, budget: float | None = None
    ) -> dict[str, Any]:
        """Send a document and give its `data`.

        Args:
            document: The GraphQL text.
            variables: Its variables.
            once: Raise LostReplyError when an answer is lost, for a caller that will look before it sends again.
            budget: Seconds that it may take with all its retries, if fewer than usual.
        """
        if self._down is not None and time.monotonic() < self._down_until:
            raise self._down
        content = json.dumps({"query": document, "variables": variables})
        deadline = time.monotonic() + min(budget or BUDGET, BUDGET)
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._attempt(content, min(ATTEMPT, deadline - time.monotonic()))
            except LostReplyError as error:
                if once:
                    raise
                problem: UnreachableError = error
            except UnreachableError as error:
                problem = error
            pause = _FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load only
            if attempt >= _ATTEMPTS or time.monotonic() + pause + 1 > deadline:
                raise self.give_up(problem)
            time.sleep(pause)

    def give_up(self, problem: UnreachableError) -> UnreachableError:
        """Let every call of the next while fail with this problem."""
        with self._lock:
            self._down, self._down_until = problem, time.monotonic() + _DOWN
            return problem

    def _attempt(self, content: str, seconds: float) -> dict[str, Any]:
        limit = httpx.Timeout(seconds, connect=min(_CONNECT, seconds))
        headers = {"Content-Type": "application/json"}
        try:
            answer = self._client.post(self.url, content=content, headers=headers, timeout=limit)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if isinstance(_innermost(error), ssl.SSLCertVerificationError):
                raise RegistrationError(
                    f"the API at {self.url} shows a certificate that is not trusted ({_cause(error)}); is the address "
                    "right, and the certificate authority?"
                ) from error
            raise UnreachableError(f"the API at {self.url} cannot be reached: {_cause(error)}") from error
        except httpx.TimeoutException as error:
            lost = LostReplyError(f"the API at {self.url} gives no answer: waited {seconds:.0f} seconds")
            lost.unfinished = True
            raise lost from error
        except httpx.TransportError as error:
            raise LostReplyError(f"the API at {self.url} broke off: {_cause(error)}") from error
        return self._read(answer)

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        status = answer.status_code
        if status in _TRY_AGAIN:
            lost = LostReplyError(f"the API at {self.url} answers {status} {answer.reason_phrase}")
            lost.unfinished = status == _GATEWAY_TIMEOUT
            raise lost
        if status == _TOO_LARGE:
            raise RefusedError("the API refuses it as too large (413): raise the API's body limit or split the flow")
        if status in {_UNAUTHORIZED, _FORBIDDEN}:
            raise RegistrationError(f"the API at {self.url} refuses these credentials ({status})")
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or not ({"data", "errors"} & set(body)) or _REDIRECT <= status < _BAD_REQUEST:
            kind = answer.headers.get("content-type", "nothing").partition(";")[0]
            raise RegistrationError(
                f"what answers at {self.url} is not a Prefect API ({status}, {kind}); is the address right?"
            )
        if body.get("errors"):
            raise RefusedError(f"the API refuses it: {_messages(body['errors'])}")
        data: dict[str, Any] = body["data"] or {}
        return data


def _messages(errors: Any) -> str:
    texts = [str(error.get("message", error)) if isinstance(error, dict) else str(error) for error in errors]
    return " ".join("; ".join(dict.fromkeys(texts)).split())[:500]


def _innermost(error: BaseException) -> BaseException:
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    return error


def _cause(error: Exception) -> str:
    """Give the plain reason that lies below a client's own wording."""
    inner = _innermost(error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return str(inner.verify_message).rstrip(".")
    reason = inner.strerror if isinstance(inner, OSError) and inner.strerror else str(inner) or str(error)
    if isinstance(error, httpx.ConnectTimeout):
        reason = "no connection within a few seconds"
    return " ".join(reason.split())[:300].lower() or type(error).__name__
