"""The HTTP side of the Pokémon source: one session a thread, time limits and retries from the run's settings.

Mapped tasks may run in threads of one worker, and a requests session belongs to one thread.
"""

import threading
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from utils import config

_LOCAL = threading.local()
_RETRIED = (429, 500, 502, 503, 504)


class SourceError(RuntimeError):
    """The source did not give what was asked for; the message names the address and the cause."""


def get(path: str, **parameters: str | int) -> Any:
    """Return the JSON document at `path` below the source's URL.

    Raises:
        SourceError: no answer in time, an error status, or a body that is not JSON.
    """
    settings = config.load()
    url = f"{settings.api_url}/{path}"
    try:
        answer = _session(settings.retries).get(
            url, params=parameters, timeout=(settings.connect_timeout, settings.read_timeout)
        )
        answer.raise_for_status()
        return answer.json()
    except requests.RequestException as error:
        raise SourceError(f"cannot read {url}: {error}") from error


def _session(retries: int) -> requests.Session:
    sessions: dict[int, requests.Session] = _LOCAL.__dict__.setdefault("sessions", {})
    if retries not in sessions:
        session = requests.Session()
        again = Retry(total=retries, backoff_factor=0.2, status_forcelist=_RETRIED, allowed_methods=["GET"])
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=again))
        sessions[retries] = session
    return sessions[retries]
