"""What a user sees of a plan or of what was done: a table, one line of summary, or JSON."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from registration.catalog import Failure
from registration.error import UnreachableError
from registration.plan import CHANGES, Step

_COLOURS = {"register": "32", "update": "33", "settings": "36", "archive": "31", "unchanged": "2"}
_DONE = {
    "register": "registered",
    "update": "updated",
    "settings": "settings changed",
    "archive": "archived",
    "unchanged": "unchanged",
}
_TO_DO = {**{action: f"to {action}" for action in CHANGES}, "settings": "with new settings", "unchanged": "unchanged"}
_HEADINGS = ("NAME", "ACTION", "VERSION", "REASONS")
_SHORT = 12


def as_json(steps: Sequence[Step], failures: Sequence[Failure]) -> str:
    """Give the whole outcome as one JSON document."""
    flows = [_flow(step) for step in steps]
    flows += [{**_EMPTY, "file": failure.file, "error": str(failure)} for failure in failures]
    return json.dumps({"flows": flows, "summary": summary(steps, failures)}, indent=2)


def summary(steps: Iterable[Step], failures: Sequence[Failure]) -> dict[str, int]:
    """Count the flows by action, and what failed."""
    steps = list(steps)
    counts = Counter(step.action for step in steps if step.error is None)
    removed = (step.row.scheduled_runs or 0 for step in steps if step.row and step.action in {"update", "archive"})
    return {
        **{action: counts[action] for action in (*CHANGES, "unchanged")},
        "failed": sum(step.error is not None for step in steps) + len(failures),
        "scheduled_runs_removed": sum(removed),
    }


def table(steps: Sequence[Step], output: IO[str]) -> None:
    """Write one line a flow; colours only on a terminal."""
    output.writelines(f"{line}\n" for line in lay_out(steps, coloured=output.isatty()))


def lay_out(steps: Sequence[Step], *, coloured: bool) -> Iterator[str]:
    """Give one line a flow, under one of headings; nothing when there is none."""
    if not steps:
        return
    lines = [_HEADINGS, *(_line(step) for step in steps)]
    widths = [min(60, max(len(line[column]) for line in lines)) for column in range(3)]
    for step, line in zip((None, *steps), lines, strict=True):
        text = "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[3]]).rstrip()
        colour = _COLOURS.get(str(step.action)) if step and coloured else None
        yield f"\x1b[{colour}m{text}\x1b[0m" if colour else text


def closing(steps: Sequence[Step], failures: Sequence[Failure], *, done: bool) -> str:
    """Say in one line what will be done, or was."""
    counts = summary(steps, failures)
    words = _DONE if done else _TO_DO
    said = [f"{counts[action]} {word}" for action, word in words.items() if counts[action]]
    if counts["failed"]:
        said.append(f"{counts['failed']} failed")
    if counts["scheduled_runs_removed"] and not done:
        said.append(f"{counts['scheduled_runs_removed']} scheduled runs to remove")
    return ("" if done else "plan: ") + (", ".join(said) or ("no server was asked" if steps else "no flows"))


def problems(steps: Sequence[Step], errors: dict[str, Exception]) -> list[str]:
    """Give one line for each cause: flows that failed alike share it."""
    lines: dict[str, list[str]] = {}
    for step in steps:
        if step.error is not None:
            lines.setdefault(step.error, []).append(step.name)
    said = []
    for message, names in lines.items():
        if isinstance(errors.get(names[0]), UnreachableError):
            said.append(f"{message}; {len(names)} flow(s) not done, run again to finish")
        else:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - names that fit on a line
            said.append(f"{', '.join(names[:3])}{more}: {message}")
    return said


def complain(message: str) -> None:
    """Write one line to standard error."""
    colour = sys.stderr.isatty()
    for line in message.splitlines():
        sys.stderr.write(f"\x1b[31merror:\x1b[0m {line}\n" if colour else f"error: {line}\n")
    sys.stderr.flush()


_EMPTY: dict[str, Any] = {
    "name": None,
    "file": None,
    "action": None,
    "reasons": [],
    "fingerprint": None,
    "key": None,
    "parts": {},
    "id": None,
    "version": None,
    "error": None,
}


def _flow(step: Step) -> dict[str, Any]:
    known = step.record or step.row
    return {
        "name": step.name,
        "file": step.file,
        "action": step.action,
        "reasons": list(step.reasons),
        "fingerprint": known.fingerprint if known else None,
        "key": known.key if known else None,
        "parts": dict(known.parts) if known else {},
        "id": step.id,
        "version": step.version,
        "error": step.error,
    }


def _line(step: Step) -> tuple[str, str, str, str]:
    reasons = ", ".join(step.reasons)
    if step.action is None and step.record is not None:
        reasons = f"fingerprint {step.record.fingerprint[:_SHORT]}"
    if step.error is not None:
        reasons = f"{reasons} (failed)".strip()
    version = "-" if step.version is None else str(step.version)
    return (step.name, step.action or "-", version, reasons)
