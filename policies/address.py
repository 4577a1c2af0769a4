"""Which address ranges are as good as the whole internet."""

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

# A larger range than any one organisation's.
WIDEST = 8
ANYWHERE = frozenset({"*", "any", "internet"})


def open_ranges(ranges: Any) -> list[str]:
    """Those of some ranges, given as text, that are too wide to be somebody's own."""
    return [text for text in ranges if _is_open(text)] if isinstance(ranges, Iterable) else []


def _is_open(text: object) -> bool:
    if not isinstance(text, str):
        return False
    if text.lower() in ANYWHERE:
        return True
    try:
        return ip_network(text, strict=False).prefixlen < WIDEST
    except ValueError:
        return False
