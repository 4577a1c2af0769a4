"""The two files that a preview leaves: `preview-STACK.md` for people, `preview-STACK.json` for tools."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from preview.loss import Loss
from preview.plan import Plan, Step
from preview.summary import Occasion, summary
from registration.settings import replace


def write(folder: Path, plan: Plan, losses: Sequence[Loss], occasion: Occasion) -> Path:
    """Write both, and return the summary's path."""
    return put(folder / f"preview-{plan.stack}.md", summary(plan, losses, occasion), text(plan, losses))


class RecordError(RuntimeError):
    """There is no place for a record; the message is one line."""


def begin(page: Path) -> None:
    """Make sure that a summary can be written, and remove an earlier one: what is interrupted must not leave that.

    Raises:
        RecordError: its folder is none, or nobody may write there.
    """
    try:
        for path in (page, page.with_suffix(".json")):
            replace(path, b"")
            path.unlink()
    except OSError as error:
        raise RecordError(f"no report can be written to {page.parent}: {error.strerror}") from None


def put(page: Path, summary: str, record: str) -> Path:
    """Write a summary and its record, each in one step, and return the summary's path."""
    replace(page, summary.encode("utf-8", "replace"))
    replace(page.with_suffix(".json"), record.encode("utf-8", "replace"))
    return page


def text(plan: Plan, losses: Sequence[Loss]) -> str:
    """Return the record as JSON."""
    return json.dumps(record(plan, losses), indent=1) + "\n"


def record(plan: Plan, losses: Sequence[Loss]) -> dict[str, Any]:
    """Make the record: every resource is in it, and `type` is the full token."""
    return {
        "stack": plan.stack,
        "counts": plan.counts,
        "red": [lost(loss) for loss in losses],
        "resources": [_step(step) for step in plan.steps],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "urn": step.urn,
        "type": step.type,
        "op": step.op,
        "component": step.component,
        "replaceKeys": list(step.replace_keys),
    }


def lost(loss: Loss) -> dict[str, Any]:
    """Make the record of what goes, and of what goes with it."""
    told = {**_step(loss.step), "holds": loss.what, "protected": loss.refused, "allowed": loss.allowed}
    return {**told, "scheduledRuns": loss.runs} if loss.flow else told
