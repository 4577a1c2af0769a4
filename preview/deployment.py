"""What an update did, for people: the flow image, the flows, the server, and what failed; from its event log alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from preview.engine import Say
from preview.loss import FLOW, Loss
from preview.markdown import escape, fit, row, table
from preview.plan import IMAGE, Plan, Problem, Step
from preview.record import lost, put
from preview.summary import headline, page, problems, section
from preview.verdict import named, several
from registration.fingerprint import PARTS

RELEASE = "kubernetes:helm.sh/v3:Release"
"""The Prefect server's."""
_IMAGE_WORDS = {"create": "built", "update": "built", "replace": "built", "same": "unchanged", "failed": "failed"}
_SERVER_WORDS = {
    "create": "installed",
    "update": "upgraded",
    "replace": "installed anew",
    "delete": "removed",
    "same": "unchanged",
    "failed": "failed",
}
_FLOW_WORDS = {"create": "register", "replace": "register", "update": "update", "delete": "archive"}
# A flow's inputs, in the order in which they are told.
_REASONS = (*PARTS, "schedules", "api", "store")
_SHARE = 20_000
_LONGEST = 1_000
_DIGEST_LENGTH = len("sha256:") + 12


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What became of a flow: `op` and `reasons` are the words of registration."""

    name: str
    op: str
    version: int | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Image:
    """What became of the flow image: built, found (somebody had built it), unchanged, pinned or failed."""

    op: str
    reference: str = ""

    @property
    def short(self) -> str:
        """Its name and the beginning of its digest."""
        name, _, digest = self.reference.rpartition("/")[2].partition("@")
        return f"{name}@{digest[:_DIGEST_LENGTH]}" if digest else name


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What an update did."""

    stack: str
    image: Image | None
    flows: tuple[Flow, ...]
    server: str | None
    counts: Mapping[str, int]
    failed: tuple[Problem, ...]
    lost: tuple[Loss, ...] = ()
    """What was replaced or deleted without having been previewed."""

    @property
    def good(self) -> bool:
        """Whether nothing failed, and nothing went that nobody had seen go."""
        return not (self.failed or self.lost)


def deployment(plan: Plan, lost: Sequence[Loss] = ()) -> Deployment:
    """Find it in what was read of an update."""
    return Deployment(
        stack=plan.stack,
        image=_image(plan),
        flows=tuple(sorted((_flow(step) for step in plan.steps if step.type == FLOW), key=lambda flow: flow.name)),
        server=next((_SERVER_WORDS.get(step.outcome) for step in plan.steps if step.type == RELEASE), None),
        counts=plan.counts,
        failed=_failed(plan),
        lost=tuple(lost),
    )


def lines(done: Deployment) -> list[str]:
    """Tell it in a few lines; of the flows, those that changed."""
    told = []
    if done.image:
        told.append(("image", f"{done.image.op} {done.image.short}".strip()))
    told += [("flows", text) for text in _flow_lines(done.flows)]
    if done.server:
        told.append(("server", done.server))
    named = [(what if at == 0 or told[at - 1][0] != what else "", text) for at, (what, text) in enumerate(told)]
    return [f"{what:8} {text}" for what, text in named]


def tell(plan: Plan, done: Deployment, say: Say) -> None:
    """Say what failed and what was lost, a line each, and then what was done."""
    told = [f"error: {named(problem.urn)}{problem.message}" for problem in done.failed]
    for line in several([*(f"lost without having been previewed: {_lost(loss)}" for loss in done.lost), *told]):
        say(line)
    for line in lines(done):
        say(line)
    say(f"{plan.stack}: {headline(plan)}")


def write(folder: Path, plan: Plan, done: Deployment) -> Path:
    """Write the summary and the record, and return the summary's path."""
    return put(folder / f"deploy-{plan.stack}.md", summary(plan, done), text(done))


def text(done: Deployment) -> str:
    """Return the record as JSON."""
    return json.dumps(_record(done), indent=1) + "\n"


def summary(plan: Plan, done: Deployment) -> str:
    """Write the summary."""
    record = f"deploy-{plan.stack}.json"
    rest = f"- … and {{}} more, in `{record}`"
    head = [f"# Deployment of `{plan.stack}`", "", f"**{headline(plan)}**", ""]
    if done.failed:
        head += [f"- **{len(done.failed)} failed**: see below"]
    if done.lost:
        head += [f"- **{len(done.lost)} lost** without having been previewed: see below"]
    if done.image:
        head += [f"- Flow image: {escape(done.image.op)} {escape(done.image.short)}".rstrip()]
    if done.server:
        head += [f"- Prefect server: {escape(done.server)}"]
    if kept := sum(flow.op == "unchanged" for flow in done.flows):
        head += [f"- Flows: {kept} unchanged"]
    lost = [f"- {escape(_lost(loss), _LONGEST)}" for loss in done.lost]
    parts = [
        head,
        section("Lost without having been previewed", fit(lost, _SHARE // 2, rest)),
        section("Failed", fit(problems(done.failed), _SHARE, rest)),
        section("Flows", _flow_table(done.flows, record)),
    ]
    return page(plan, parts, record)


def _image(plan: Plan) -> Image | None:
    exported = plan.outputs.get("flowImage")
    reference = exported if isinstance(exported, str) else ""
    steps = [step for step in plan.steps if step.type == IMAGE and step.op != "delete"]
    built = min(steps, key=lambda step: step.op == "same", default=None)
    if built is None:
        return Image(op="pinned", reference=reference) if reference else None
    digest = built.results.get("digest") or built.outputs.get("digest")
    known = reference or (f"flows@{digest}" if isinstance(digest, str) and not built.failed else "")
    word = _IMAGE_WORDS.get(built.outcome, built.op)
    return Image(op="found" if word == "built" and not plan.built else word, reference=known)


def _flow(step: Step) -> Flow:
    name = str((step.new or step.old).get("name", step.name))
    version = (step.results or step.outputs).get("version")
    op, reasons = _FLOW_WORDS.get(step.op, "unchanged"), tuple[str, ...]()
    if op == "register":
        reasons = ("new",) if step.op == "create" else step.replace_keys
    elif op == "update":
        changed = {path.partition(".")[0].partition("[")[0] for path in step.changed}
        reasons = tuple(part for part in _REASONS if part in changed)
        op = "update" if changed & {*PARTS} else "settings"
    elif op == "archive":
        reasons = ("file is gone",)
        if step.retained:
            op, reasons = "unchanged", (*reasons, "retained")
    if step.failed:
        op, reasons = "failed", (op, *reasons)
    return Flow(name=name, op=op, version=int(version) if isinstance(version, int | float) else None, reasons=reasons)


def _failed(plan: Plan) -> tuple[Problem, ...]:
    """What went wrong, and what an update that was ended had only begun."""
    told = {problem.urn for problem in plan.problems}
    begun = "it was begun, and pulumi did not see how it ended"
    unseen = [Problem(urn=step.urn, message=begun) for step in plan.steps if step.failed and step.urn not in told]
    broken = [Problem(urn=each.urn, message=f"policy {each.policy}: {each.message}") for each in plan.broken]
    return (*plan.problems, *unseen, *broken)


def _lost(loss: Loss) -> str:
    step = loss.step
    what = "archived" if loss.flow and step.op == "delete" else f"{step.op}d"
    begun = ", which failed" if step.failed else ""
    return f"{step.name} ({step.kind}) was {what}{begun}; with it went: {loss.what}"


def _flow_lines(flows: Sequence[Flow]) -> list[str]:
    told = [_flow_line(flow) for flow in flows if flow.op != "unchanged"]
    kept = len(flows) - len(told)
    return [*told, f"{kept} unchanged"] if kept else told


def _flow_line(flow: Flow) -> str:
    version = "" if flow.version is None else str(flow.version)
    return " ".join(filter(None, (flow.name, flow.op, version, ", ".join(flow.reasons))))


def _flow_table(flows: Sequence[Flow], record: str) -> list[str]:
    rows = [
        row(
            escape(flow.name),
            flow.op,
            "" if flow.version is None else str(flow.version),
            escape(", ".join(flow.reasons)),
        )
        for flow in flows
        if flow.op != "unchanged"
    ]
    rest = row(f"… and {{}} more, in `{record}`", "", "", "")
    return [*table("flow", "what", "version", "reasons"), *fit(rows, _SHARE, rest)] if rows else []


def _record(done: Deployment) -> dict[str, Any]:
    return {
        "stack": done.stack,
        "image": asdict(done.image) if done.image else None,
        "flows": [asdict(flow) for flow in done.flows],
        "server": done.server,
        "counts": dict(done.counts),
        "failed": [asdict(problem) for problem in done.failed],
        "lost": [lost(loss) for loss in done.lost],
    }
