"""What moves in a cloud by itself, after it was deployed: that is no drift.

A resource whose every difference is such a property is as it was deployed; of another one the rest is told.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from preview.plan import Plan, Step

MOVES = {
    ("azure-native:containerregistry:AgentPool", "count"): "a build of the flow image starts the machine and stops it",
    ("azure-native:containerservice:AgentPool", "count"): "the autoscaler owns it",
    ("azure-native:containerservice:ManagedCluster", "agentPoolProfiles[].count"): "the autoscaler owns it",
    ("azure-native:dbforpostgresql:Server", "storage.storageSizeGB"): "the server grows before it is full",
    ("azure-native:monitor:DiagnosticSetting", "logAnalyticsDestinationType"): "Azure forgets it for some services",
}
"""Why a property moves, by a type without its API version and a path; `[]` is every item of a list."""
_STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d*)\]|([^.\[\]]+)')


def settled(plan: Plan) -> Plan:
    """A plan of a refresh without what moves by itself."""
    return replace(plan, steps=tuple(_settled(step) for step in plan.steps))


def _settled(step: Step) -> Step:
    moving = [_steps(path) for token, path in MOVES if token == step.token]
    if step.op != "update" or not step.changed or not moving:
        return step
    left = tuple(path for path in step.changed if _differs(step, _steps(path), moving))
    return replace(step, changed=left, op=step.op if left else "same")


def _differs(step: Step, path: tuple[str, ...], moving: list[tuple[str, ...]]) -> bool:
    """Whether there is another thing at a path than there was, besides what moves.

    Azure's provider takes a list over as a whole, where one item differs: what Azure has set in it all along counts as
    new among the inputs. So where a property that moves is inside, what was read before is compared, and what is now.
    """
    root = path[0]
    inside = [each for each in moving if each[0] == root]
    if not inside:
        return True
    read = root in step.outputs and root in step.results
    before, after = (step.outputs, step.results) if read else (step.old, step.new)
    for each in inside:
        before, after = _without(before, each), _without(after, each)
    return bool(_at(before, path) != _at(after, path))


def _steps(path: str) -> tuple[str, ...]:
    return tuple(quoted or index or name for quoted, index, name in _STEP.findall(path))


def _without(value: Any, path: tuple[str, ...]) -> Any:
    """Leave out what is at a path; an empty step is every item of a list."""
    if isinstance(value, list) and not path[0]:
        return [_without(item, path[1:]) for item in value]
    if not isinstance(value, Mapping) or path[0] not in value:
        return value
    rest = {name: member for name, member in value.items() if name != path[0]}
    return rest if len(path) == 1 else {**rest, path[0]: _without(value[path[0]], path[1:])}


def _at(value: Any, path: tuple[str, ...]) -> Any:
    """Find what is at a path, or the last thing on the way to it that is neither an object nor a list."""
    for step in path:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list):
            value = value[int(step)] if step.isdigit() and int(step) < len(value) else None
    return value
