"""The image that a stack file pins: set by editing its lines, so that every other line and remark stays as it is."""

import re
from collections.abc import Mapping

from delivery.error import DeliveryError
from infra import stack_file

IMAGE, REVISION = "flowImage", "flowImageRevision"
_CONFIG = re.compile(r"config:\s*(?:#.*)?")


def pinned(text: str, file: str, project: str, values: Mapping[str, str]) -> str:
    """Give the text of a stack file with these keys of the project set; others stay.

    Raises:
        DeliveryError: it is written in another way than with one key a line.
    """
    lines = text.splitlines(keepends=True)
    for key, value in values.items():
        lines = _set(lines, f"{project}:{key}", value)
    new = "".join(lines)
    try:
        expected = stack_file.config(text) | {f"{project}:{key}": value for key, value in values.items()}
        right = stack_file.config(new) == expected
    except ValueError:
        right = False
    if not right:
        raise DeliveryError(f"{file} is not written with one key a line; rewrite it so, then run it again")
    return new


def _set(lines: list[str], key: str, value: str) -> list[str]:
    # In quotes: a revision may look like a number.
    given = f'"{value}"' if re.fullmatch("[0-9a-f]+", value) else value
    line = re.compile(
        rf"""(?P<key>\s*["']?{re.escape(key)}["']?:)\s*(?:"[^"]*"|'[^']*'|[^\s#]\S*)?(?P<rest>\s*|\s+#.*)""", re.DOTALL
    )
    for at, old in enumerate(lines):
        if found := line.fullmatch(old):
            return [*lines[:at], f"{found['key']} {given}{found['rest'] or _end(lines)}", *lines[at + 1 :]]
    return _added(lines, f"{key}: {given}")


def _added(lines: list[str], line: str) -> list[str]:
    """Put a line behind the last key of the configuration."""
    end = _end(lines)
    start = next((at for at, each in enumerate(lines) if _CONFIG.fullmatch(each.rstrip())), None)
    if start is None:
        return [*_ended(lines, end), f"config:{end}", f"  {line}{end}"]
    last = start
    for at in range(start + 1, len(lines)):
        text = lines[at]
        if text.strip() and not text.startswith((" ", "\t", "#")):
            break
        if text.strip() and not text.lstrip().startswith("#"):
            last = at
    first = next((each for each in lines[start + 1 : last + 1] if each.strip()), "  ")
    indent = first[: len(first) - len(first.lstrip(" "))]
    return [*_ended(lines[: last + 1], end), f"{indent}{line}{end}", *lines[last + 1 :]]


def _ended(lines: list[str], end: str) -> list[str]:
    """Give the last line an end, where it has none."""
    return [*lines[:-1], lines[-1].rstrip("\r\n") + end] if lines else []


def _end(lines: list[str]) -> str:
    return "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
