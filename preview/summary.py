"""The summary of a plan, for a pull request: what matters most stands first.

Systems that show it cut or refuse a longer comment, so its size is bounded whatever the plan's: each part has a share
of the characters, and the detail gets the rest.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from preview.loss import Loss
from preview.markdown import escape, fit, plain, row, table
from preview.plan import Kind, Plan, Problem, Step

LIMIT = 60_000
# What each part may take; together with the head they leave the detail 8,000 characters at least.
_SHARES = {"problems": 10_000, "losses": 18_000, "policies": 10_000, "relaxations": 5_000, "components": 5_000}
_OPS = ("create", "update", "replace", "delete", "same")
_WORDS: Mapping[Kind, Mapping[str, str]] = {
    "preview": {op: f"to {op}" for op in _OPS} | {"same": "unchanged"},
    "update": {"failed": "failed"}
    | {op: f"{op}d" for op in _OPS}
    | {"same": "unchanged", "read": "read", "import": "imported", "refresh": "refreshed"},
    "refresh": {"delete": "gone", "update": "changed", "same": "as deployed", "refresh": "not read"},
}
_NOTHING: Mapping[Kind, str] = {"preview": "nothing planned", "update": "nothing done", "refresh": "nothing read"}
_REASON = 1_000
# What need not be told of each resource.
_QUIET = frozenset({"same", "refresh", "read"})


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """How a plan came about."""

    emulated: bool = False
    deployed: bool = False
    """Whether it is of a deployed stack, with its own state."""
    compared: str = ""
    """What it was compared with, in words; nothing for the stack's own state."""


def headline(plan: Plan) -> str:
    """Count the operations, in words; what changes comes before what does not."""
    counts, words = plan.counts, _WORDS[plan.kind]
    told = [f"{counts[op]} {word}" for op, word in words.items() if op in counts]
    told += [f"{count} to {op}" for op, count in counts.items() if op not in words]
    return ", ".join(told) or _NOTHING[plan.kind]


def summary(plan: Plan, losses: Sequence[Loss], occasion: Occasion) -> str:
    """Write the summary."""
    rest = f"- … and {{}} more, in `preview-{plan.stack}.json`"
    parts = [
        _head(plan, losses, occasion),
        section("Errors", fit(problems(plan.problems), _SHARES["problems"], rest)),
        section("Red: replaced or deleted, and with it goes data", fit(_losses(losses), _SHARES["losses"], rest)),
        section("Broken policies", fit(_policies(plan), _SHARES["policies"], rest)),
        section("Relaxed controls", fit(_relaxations(plan), _SHARES["relaxations"], rest)),
    ]
    return page(plan, parts, f"preview-{plan.stack}.json")


def page(plan: Plan, parts: Sequence[Sequence[str]], record: str) -> str:
    """Put parts together, and below them what becomes of every component; the rest is in the file `record`."""
    text = "\n".join(line for part in (*parts, _components(plan)) for line in part)
    detail = _details(plan, LIMIT - len(text) - 2, record)
    return f"{text}\n{detail}\n" if detail else f"{text}\n"


def _head(plan: Plan, losses: Sequence[Loss], occasion: Occasion) -> list[str]:
    of = "the deployed stack " if occasion.deployed else ""
    lines = [f"# Preview of {of}`{plan.stack}`", "", f"**{headline(plan)}**", ""]
    told = [
        (len(plan.problems), "error", "the plan below is not whole"),
        (len([loss for loss in losses if not loss.allowed]), "red", "see below"),
        (len(plan.broken), "broken policy", "see below"),
    ]
    lines += [f"- **{count} {what}**: {where}" for count, what, where in told if count]
    # The engine asks a pack about the whole plan only where there is one.
    if plan.policy_packs and not plan.problems and not plan.broken:
        lines.append(f"- No policy is broken: {escape(', '.join(plan.policy_packs))} was asked.")
    if occasion.compared:
        lines.append(f"- Compared with {escape(occasion.compared)}.")
    if occasion.emulated:
        lines.append(
            # Where this is shown, no relative link leads anywhere.
            "- Emulated: no Azure was asked. `docs/offline-preview.md` says what such a preview does not know."
        )
    return lines


def section(title: str, lines: Sequence[str]) -> list[str]:
    """Put a heading above lines; nothing where there is none."""
    return ["", f"## {title}", "", *lines] if lines else []


def problems(found: Sequence[Problem]) -> list[str]:
    """Tell problems, a line each."""
    return [f"- {_of(problem.urn)}{escape(problem.message, _REASON)}" for problem in found]


def _losses(losses: Sequence[Loss]) -> list[str]:
    return [f"- {_loss(loss)}" for loss in losses]


def _loss(loss: Loss) -> str:
    step = loss.step
    what = "archived" if loss.flow else f"{step.op}d"
    forced = f", forced by {escape(', '.join(step.replace_keys))}" if step.replace_keys else ""
    told = f"**{escape(step.name)}** ({escape(step.kind)}) is {what}{forced}: {loss.what}"
    told += ". It is protected: `pulumi up` refuses" if loss.refused else ""
    return f"{told}. Allowed" if loss.allowed else told


def _policies(plan: Plan) -> list[str]:
    ordered = sorted(plan.violations, key=lambda violation: not violation.mandatory)
    return [
        f"- {'' if violation.mandatory else 'advice: '}**{escape(violation.policy)}** "
        f"{_of(violation.urn)}{escape(violation.message, _REASON)}"
        for violation in ordered
    ]


def _of(urn: str) -> str:
    return f"{escape(urn.split('::', 3)[-1])}: " if urn else ""


def _relaxations(plan: Plan) -> list[str]:
    reasons = plan.outputs.get("relaxations")
    told = sorted(reasons.items()) if isinstance(reasons, dict) else []
    return [f"- **{escape(str(key))}**: {escape(str(reason))}" for key, reason in told]


def _components(plan: Plan) -> list[str]:
    if not plan.steps:
        return []
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for step in plan.steps:
        counts[step.component][step.outcome] += 1
    others = sorted({step.outcome for step in plan.steps} - {*_OPS})
    ops = (*_OPS, *others)
    lines = [row(_title(name), *(str(counts[name][op] or "") for op in ops)) for name in sorted(counts)]
    rest = row("… and {} more", *("" for _ in ops))
    return ["", "## By component", "", *table("component", *ops), *fit(lines, _SHARES["components"], rest)]


def _title(component: str) -> str:
    return escape(component) or "(the stack itself)"


def _details(plan: Plan, budget: int, record: str) -> str:
    """Tell every resource that changes, a component at a time, as far as the characters go."""
    steps: defaultdict[str, list[Step]] = defaultdict(list)
    for step in plan.steps:
        if step.outcome not in _QUIET:
            steps[step.component].append(step)
    text = ""
    for name in sorted(steps, key=lambda name: (not _alters(steps[name]), name)):
        rest = row(f"… and {{}} more, in `{record}`", "", "", "")
        title = f"{plain(name) or '(the stack itself)'}: {len(steps[name])}"
        head = ["", "<details>", f"<summary>{title}</summary>", "", *table("resource", "type", "what", "properties")]
        room = budget - len(text) - sum(len(line) + 1 for line in head) - len("\n\n</details>\n")
        if room < len(rest) * 2:
            return f"{text}\nThe rest is in `{record}`." if room > -len(rest) else text
        lines = [_detail(step) for step in sorted(steps[name], key=lambda step: (step.op == "create", step.urn))]
        text += "\n".join([*head, *fit(lines, room, rest), "", "</details>", ""])
    return text


def _alters(steps: Iterable[Step]) -> bool:
    return any(step.op != "create" for step in steps)


def _detail(step: Step) -> str:
    return row(escape(step.name), escape(step.type), step.outcome, escape(", ".join(step.changed), 300))
