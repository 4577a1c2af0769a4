"""Asking a Prefect API how many scheduled runs its flows have; the one thing here that leaves the machine."""

import json
from collections import Counter
from collections.abc import Mapping
from urllib.parse import urlsplit

from registration.connection import open_api
from registration.error import RegistrationError
from registration.service_proxy import locator_of

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def scheduled_runs(api: str, project: str) -> Mapping[str, int] | None:
    """Count the scheduled runs by flow group; None where the API, a URL or a locator as JSON, does not answer."""
    if not api:
        return None
    try:
        with open_api(locator_of(json.loads(api) if api.startswith("{") else api)) as opened:
            server = opened.server(project)
    except RegistrationError:
        return None
    counts: Counter[str] = Counter()
    for row in (*server.rows.values(), *server.leftovers):
        counts[row.flow_group_id] += row.scheduled_runs or 0
    return counts


def scheduled_runs_here(api: str, project: str) -> Mapping[str, int] | None:
    """Do the same, for an API of this machine alone."""
    try:
        local = urlsplit(api).hostname in _LOOPBACK
    except ValueError:
        local = False
    return scheduled_runs(api, project) if local else None
