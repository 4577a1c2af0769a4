"""Whether a plan may be carried out, and what a command line says of it."""

from collections.abc import Collection, Sequence

from preview.engine import Say
from preview.loss import Loss
from preview.plan import Plan, name_of
from preview.summary import headline

_SHORT = 20


def sound(plan: Plan) -> bool:
    """Whether nothing is wrong with a plan, and no policy is broken."""
    return not (plan.problems or plan.broken)


def stands(plan: Plan, found: Sequence[Loss]) -> bool:
    """Whether a plan is sound, and all that would be lost may be."""
    return sound(plan) and all(loss.allowed for loss in found)


def tell(plan: Plan, found: Sequence[Loss], allowed: Collection[str], say: Say) -> None:
    """Say what is against a plan, a line each, and then what it would do."""
    lines = [f"error: {named(problem.urn)}{problem.message}" for problem in plan.problems]
    lines += [f"policy {each.policy}: {named(each.urn)}{each.message}" for each in plan.broken]
    lines += [_red(loss) for loss in found]
    for line in several(lines):
        say(line)
    if len(names := [loss.step.name for loss in found if not loss.allowed]) > 1:
        say(f'if all of it is meant: ALLOW="{" ".join(names)}"')
    unused = {*allowed} - {name for loss in found for name in (loss.step.name, loss.step.urn)}
    for name in sorted(unused):
        say(f"note: nothing that is called {name!r} is replaced or deleted, so there was nothing to allow")
    say(f"{plan.stack}: {headline(plan)}")


def several(lines: Sequence[str]) -> list[str]:
    """As many lines as a screen has room for; the rest is in the summary."""
    rest = [f"… and {len(lines) - _SHORT} more in the summary"] if lines[_SHORT:] else []
    return [*lines[:_SHORT], *rest]


def named(urn: str) -> str:
    """Name a resource in front of what is said of it; nothing where it is of none."""
    return f"{name_of(urn)}: " if urn else ""


def _red(loss: Loss) -> str:
    step = loss.step
    forced = f", forced by {', '.join(step.replace_keys)}" if step.replace_keys else ""
    what = "archived" if loss.flow else f"{step.op}d"
    hint = "allowed" if loss.allowed else f"if that is meant: ALLOW={step.name}"
    return f"red: {step.name} ({step.kind}) would be {what}{forced}; with it goes: {loss.what}; {hint}"
