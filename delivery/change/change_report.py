"""What `make changes` tells: lines for people, a document for tools."""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.change.change import ImageChange, StackChange
from delivery.change.flow_change import FlowChange

_MANY = 5
_COMMANDS = {"build": "build it", "switch": "switch to another", "pinned": "pinned", "unchanged": "unchanged"}


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a difference does: to each stack, and what of this checkout cannot be read."""

    base: str
    commit: str
    stacks: tuple[StackChange, ...]
    gone: tuple[str, ...] = ()
    """Stacks whose files are not here any more; what they deployed stays."""
    problems: tuple[str, ...] = ()


def document(found: Changes) -> dict[str, Any]:
    """Make the JSON document; `flows` is empty where nothing that flows are made of differs."""
    return {
        "base": found.base,
        "commit": found.commit,
        "stacks": [_entry(each) for each in found.stacks],
        "gone": list(found.gone),
        "problems": list(found.problems),
    }


def _entry(each: StackChange) -> dict[str, Any]:
    server = "install" if each.new else "upgrade" if each.server else "unchanged"
    return {
        "stack": each.stack,
        "touched": each.touched,
        "new": each.new,
        "image": dataclasses.asdict(each.image),
        "flows": [dataclasses.asdict(flow) for flow in each.flows],
        "server": {"action": server, "files": each.server},
        "settings": [dataclasses.asdict(setting) for setting in each.settings],
        "program": {"action": "preview" if each.new or each.program else "unchanged", "files": each.program},
    }


def lines(found: Changes) -> list[str]:
    """Tell it to people; stacks to which the same happens share their lines."""
    told: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for each in found.stacks:
        told[tuple(_body(each)) if each.touched else ()].append(each.stack)
    text = [f"Compared with {found.base} ({found.commit}):"]
    for body, stacks in told.items():
        text += ["", ", ".join(stacks), *(f"  {line}" for line in body or ("not touched",))]
    for stack in found.gone:
        text += ["", f"{stack}: its stack file is gone; what it deployed stays until `pulumi destroy --stack {stack}`"]
    return text


def _body(each: StackChange) -> list[str]:
    parts: Mapping[str, str] = {
        "image": _image(each.image),
        "flows": _flows(each.flows),
        "server": "install it" if each.new else f"upgrade it: {_few(each.server)}" if each.server else "unchanged",
        "settings": _few([f"{one.key}: {_value(one.before)} → {_value(one.after)}" for one in each.settings])
        or ("all new" if each.new else "unchanged"),
        "program": f"preview it: {_few(each.program)}" if each.program else "unchanged",
    }
    body = [f"{name:<9} {text}" for name, text in parts.items()]
    return ["a new environment: nothing of it is deployed", *body] if each.new else body


def _image(image: ImageChange) -> str:
    text = _COMMANDS[image.action]
    if image.action == "unchanged":
        return text
    if image.before is None or image.action == "pinned":
        return f"{text}: {image.after}"
    reason = f", for {_few(image.files)}" if image.files else ""
    return f"{text}: {image.before} → {image.after}{reason}"


def _flows(flows: Sequence[FlowChange]) -> str:
    told = [f"{flow.action} {flow.name} ({', '.join(flow.reasons)})" for flow in flows if flow.reasons]
    rest = sum(not flow.reasons for flow in flows)
    return "; ".join([*told, *([f"{rest} unchanged"] if rest and told else [])]) or "unchanged"


def _value(value: str | None) -> str:
    return value or "nothing"


def _few(texts: Sequence[str], many: int = _MANY) -> str:
    more = [f"{len(texts) - many} more"] if len(texts) > many else []
    return ", ".join([*texts[:many], *more])
