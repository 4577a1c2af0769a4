"""Azure's published rules for names, tags and locations."""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emulators.pulumi_providers.azure.catalogue import AzureType
from emulators.pulumi_providers.azure.plan import Plan, Planned
from emulators.pulumi_providers.validation import Failure

_TAGS = 50
_TAG_NAME = 512
_TAG_VALUE = 256
_REGIONS = frozenset(Path(__file__).with_name("regions.txt").read_text("utf-8").split())


def judge(row: AzureType, planned: Planned, plan: Plan) -> Iterator[Failure]:
    """What is wrong with how a resource is named, tagged and placed."""
    yield from _name(row, planned.inputs)
    yield from _twice(row, planned, plan)
    yield from _tags(planned.inputs.get("tags"))
    location = planned.inputs.get("location")
    if isinstance(location, str):
        yield from _location(location)


def _name(row: AzureType, inputs: Mapping[str, Any]) -> Iterator[Failure]:
    key = row.inputs[-1] if row.inputs else ""
    name = inputs.get(key)
    if row.name is None or not isinstance(name, str):
        return
    least, greatest, pattern, words = row.name
    if not least <= len(name) <= greatest:
        bounds = f"{least} characters" if least == greatest else f"{least} to {greatest} characters"
        yield Failure(key, f'"{name}" has {len(name)} characters: a name of {row.arm} has {bounds}')
    elif not re.fullmatch(pattern, name):
        yield Failure(key, f'"{name}" is no name for {row.arm}: {words}')


def _twice(row: AzureType, planned: Planned, plan: Plan) -> Iterator[Failure]:
    """A name that another resource of the plan has."""
    key = row.inputs[-1] if row.inputs else ""
    for other in plan.of(planned.token):
        if other.urn == planned.urn:
            continue
        same = planned.identity is not None and other.identity == planned.identity
        name = planned.inputs.get(key)
        if same or (row.unique and isinstance(name, str) and name == other.inputs.get(key)):
            yield Failure(key, f'"{name}" is the name of {other.name} already')


def _tags(tags: Any) -> Iterator[Failure]:
    if not isinstance(tags, Mapping):
        return
    if len(tags) > _TAGS:
        yield Failure("tags", f"there are {len(tags)}: a resource has at most {_TAGS}")
    for name, value in tags.items():
        if len(name) > _TAG_NAME or re.search(r"[<>%&\\?/]", name):
            yield Failure(f"tags.{name}", f"a tag's name has at most {_TAG_NAME} characters, none of them <>%&\\?/")
        if isinstance(value, str) and len(value) > _TAG_VALUE:
            yield Failure(f"tags.{name}", f"has {len(value)} characters: a tag's value has at most {_TAG_VALUE}")


def _location(location: str) -> Iterator[Failure]:
    written = location.replace(" ", "").lower()
    if written not in {*_REGIONS, "global"}:
        near = difflib.get_close_matches(written, _REGIONS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        yield Failure("location", f'"{location}" is not a region of public Azure that the emulator knows{hint}')
