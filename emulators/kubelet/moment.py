"""Moments as the Kubernetes API writes them: UTC, to the second."""

import datetime as dt


def text(moment: dt.datetime | None = None) -> str:
    """Write a moment, by default this one."""
    return (moment or dt.datetime.now(dt.UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def precise() -> str:
    """Write this moment to the microsecond, as leases have it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
