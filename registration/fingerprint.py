"""What a flow is, as hashes: its named parts, its fingerprint, and the key that it is registered under.

Pure: serialized flows come in as plain dicts, so that a part can be recomputed from a server's row.
A change of what goes into a part must raise `VERSION`, and then registers every flow once more.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from registration.location import fingerprint_in

VERSION = 1
FLOW_PARTS = ("structure", "source", "schedule", "parameters", "format")
ENVIRONMENT_PARTS = ("storage", "run_config")
PARTS = FLOW_PARTS + ENVIRONMENT_PARTS

_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")
_COUNTER = re.compile(r"-\d+$")
# The signature of a task is not the flow's own (its code travels in the image), and holds reprs of types.
_FOREIGN_IN_TASK = ("slug", "inputs", "outputs")
_SEPARATE = ("schedule", "parameters", "storage", "run_config", "environment", "project", "version")
_UNORDERED = "prefect.tasks.core.collections.Set"
# Where a flow's own storage lies on one machine, or was put at one moment: these move without a change of the flow.
_PLACES = ("flows", "directory", "prefect_version")

Edges = dict[str, list[tuple[str, str]]]


def canonical(value: Any) -> str:
    """Give the one JSON text of a value; a ValueError for what JSON cannot hold (NaN, sets, objects)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Hash a JSON value: equal for equal values in any process, folder or order of keys."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def parts_of(flow: Mapping[str, Any], source: str, storage: str) -> dict[str, str]:
    """Hash each part of a serialized flow.

    Args:
        flow: What `prefect.Flow.serialize` gives, with the run config that it is registered with.
        source: The canonical text of the flow's source.
        storage: The `storage` part, which is known before the place of the script is.
    """
    plain = _plain(flow)
    return {
        "structure": digest(_structure(plain)),
        "source": digest(source),
        "schedule": digest(plain.get("schedule")),
        "parameters": digest(sorted((_parameter(each) for each in plain.get("parameters") or []), key=canonical)),
        "format": digest({"version": VERSION, "syntax": "python-3.11"}),
        "storage": storage,
        "run_config": run_config_part(flow.get("run_config")),
    }


def fingerprint_of(parts: Mapping[str, str]) -> str:
    """Combine the parts that say what the flow is, whatever the environment."""
    return digest({name: parts[name] for name in FLOW_PARTS})


def key_of(parts: Mapping[str, str]) -> str:
    """Combine the fingerprint with what the environment decided: the registration key."""
    return registration_key(fingerprint_of(parts), parts["storage"], parts["run_config"])


def registration_key(fingerprint: str, storage: str, run_config: str) -> str:
    """Combine a fingerprint and the two parts of the environment."""
    return digest({"fingerprint": fingerprint, "storage": storage, "run_config": run_config})


def storage_part(storage: Mapping[str, Any] | None, name: str) -> str:
    """Hash a serialized storage without the place that it names; of a script in our store only the kind remains."""
    plain = _plain(storage or {})
    if stored_fingerprint(plain, name) is not None:
        return script_storage_part(str(plain["type"]))
    return digest({field: value for field, value in plain.items() if field not in _PLACES and value is not None})


def script_storage_part(kind: str) -> str:
    """Hash the storage of a script in our store: Prefect's name for its kind, `Local` or `Azure`, is all there is."""
    return digest({"type": kind, "stored_as_script": True})


def stored_fingerprint(storage: Mapping[str, Any], name: str) -> str | None:
    """Read the fingerprint out of a serialized storage of our form; None when somebody else chose the storage."""
    place = storage.get("path") if storage.get("type") == "Local" else storage.get("blob_name")
    if storage.get("type") not in {"Local", "Azure"} or not storage.get("stored_as_script") or not place:
        return None
    return fingerprint_in(str(place), name)


def run_config_part(run_config: Mapping[str, Any] | None) -> str:
    """Hash a serialized run config; a field that is not set counts as absent."""
    plain = _plain(run_config or {})
    if "labels" in plain:
        plain["labels"] = sorted(plain["labels"] or [])
    return digest({field: value for field, value in plain.items() if value is not None})


def _plain(value: Any) -> Any:
    """Copy a serialized value without the versions of libraries and without memory addresses."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items() if key != "__version__"}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return _ADDRESS.sub("at 0x", value) if isinstance(value, str) else value


def _parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in parameter.items() if field != "outputs"}


def _structure(flow: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the graph of tasks so that it does not depend on how Prefect numbered or ordered them.

    Prefect numbers tasks of one name in the order of a set of objects in some constructs (`apply_map`), so a slug's
    number differs between processes. Each task is therefore named by what it is, what leads to it and what follows.
    """
    tasks = {task["slug"]: task for task in flow.get("tasks") or []}
    names = _graph_names(tasks, flow.get("edges") or [])
    rest = {field: value for field, value in flow.items() if field not in _SEPARATE and value is not None}
    rest["tasks"] = sorted(names.values())
    rest["edges"] = len(flow.get("edges") or [])
    rest["reference_tasks"] = sorted(names[task["slug"]] for task in flow.get("reference_tasks") or [])
    return rest


def _graph_names(tasks: Mapping[str, Mapping[str, Any]], edges: list[Mapping[str, Any]]) -> dict[str, str]:
    """Name each task by a hash of itself, of what is upstream and of what is downstream."""
    upstream: Edges = defaultdict(list)
    downstream: Edges = defaultdict(list)
    for edge in edges:
        above, below = edge["upstream_task"]["slug"], edge["downstream_task"]["slug"]
        unordered = tasks[below].get("type") == _UNORDERED
        label = canonical([None if unordered else edge.get("key"), edge.get("mapped"), edge.get("flattened")])
        upstream[below].append((label, above))
        downstream[above].append((label, below))
    own = {
        slug: digest(
            {
                "slug": _COUNTER.sub("", slug),
                **{field: value for field, value in task.items() if field not in _FOREIGN_IN_TASK},
            }
        )
        for slug, task in tasks.items()
    }
    order = _topological(tasks, upstream, downstream)
    above_names = _absorb(own, upstream, order)
    return _absorb(above_names, downstream, list(reversed(order)))


def _absorb(own: Mapping[str, str], neighbours: Edges, order: list[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for slug in order:
        names[slug] = digest([own[slug], sorted([label, names[other]] for label, other in neighbours.get(slug, ()))])
    return names


def _topological(tasks: Mapping[str, Any], upstream: Edges, downstream: Edges) -> list[str]:
    waiting = {slug: len(upstream.get(slug, ())) for slug in tasks}
    order = [slug for slug, count in waiting.items() if count == 0]
    for slug in order:
        for _, below in downstream.get(slug, ()):
            waiting[below] -= 1
            if waiting[below] == 0:
                order.append(below)
    if len(order) != len(tasks):
        raise ValueError("the flow's tasks depend on each other in a circle")
    return order
