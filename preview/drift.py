"""What a refresh found, for people: the resources that the cloud has otherwise than the stack's state, or not at all.

It names properties and never shows a value: what a cloud answers may be a secret that nobody has marked as one. What
moves by itself is left out, as `preview.volatile` lists it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from preview.engine import Say
from preview.markdown import escape, fit, row, table
from preview.plan import Plan, Step
from preview.record import put
from preview.summary import headline, problems, section
from preview.verdict import named, several
from preview.volatile import settled

_SHARE = 18_000
_SAME = frozenset({"same", "refresh", "read"})


def _drifted(plan: Plan) -> tuple[Step, ...]:
    """The resources that differ; what is gone comes first."""
    found = [step for step in plan.steps if step.op not in _SAME]
    return tuple(sorted(found, key=lambda step: (step.op != "delete", step.urn)))


def none(plan: Plan) -> bool:
    """Whether all was read, and nothing differs."""
    return not plan.problems and not _drifted(settled(plan))


def tell(plan: Plan, say: Say) -> None:
    """Say what could not be read and what differs, a line each, and then how much of it there is."""
    plan = settled(plan)
    lines = [f"error: {named(problem.urn)}{problem.message}" for problem in plan.problems]
    for line in several([*lines, *map(_line, _drifted(plan))]):
        say(line)
    say(f"{plan.stack}: {headline(plan)}")


def _line(step: Step) -> str:
    if step.op == "delete":
        return f"gone: {step.name} ({step.kind})"
    return f"changed: {step.name} ({step.kind}): {', '.join(step.changed) or 'the engine does not say what'}"


def write(folder: Path, plan: Plan) -> Path:
    """Write the summary and the record, and return the summary's path."""
    return put(folder / f"drift-{plan.stack}.md", summary(plan), text(plan))


def text(plan: Plan) -> str:
    """Return the record as JSON."""
    return json.dumps(_record(settled(plan)), indent=1) + "\n"


def summary(plan: Plan) -> str:
    """Write the summary."""
    plan = settled(plan)
    found = _drifted(plan)
    head = [f"# Drift of `{plan.stack}`", "", f"**{headline(plan)}**", ""]
    if plan.problems:
        head.append(f"- **{len(plan.problems)} error**: what stands below is not all")
    if found:
        head.append(
            f"- To put it back: `pulumi up --refresh --stack {plan.stack}`. To keep it: change the program, then the "
            f"same. The values: `pulumi refresh --preview-only --diff --stack {plan.stack}`."
        )
    more = f"… and {{}} more, in `drift-{plan.stack}.json`"
    parts = [
        head,
        section("Errors", fit(problems(plan.problems), _SHARE, f"- {more}")),
        section("Gone", _table([step for step in found if step.op == "delete"], more)),
        section("Changed", _table([step for step in found if step.op != "delete"], more)),
    ]
    return "\n".join(line for part in parts for line in part) + "\n"


def _table(steps: Sequence[Step], more: str) -> list[str]:
    rows = [
        row(escape(step.name), escape(step.type), escape(step.component), escape(", ".join(step.changed), 300))
        for step in steps
    ]
    head = table("resource", "type", "component", "properties")
    return [*head, *fit(rows, _SHARE, row(more, "", "", ""))] if rows else []


def _record(plan: Plan) -> dict[str, Any]:
    return {
        "stack": plan.stack,
        "counts": plan.counts,
        "drift": [
            {
                "urn": step.urn,
                "type": step.type,
                "op": step.op,
                "component": step.component,
                "properties": list(step.changed),
            }
            for step in _drifted(plan)
        ],
        "errors": [asdict(problem) for problem in plan.problems],
    }
