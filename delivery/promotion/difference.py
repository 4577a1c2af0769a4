"""`python -m delivery diff`: what differs between two deployed stacks, in the image of their flows and in the flows.

A flow's fingerprint is the same in every environment, so equal fingerprints are equal flows.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.console import say, warn
from delivery.deployed import stack
from delivery.deployed.stack import Deployment

NAME = "diff"
HELP = "what differs between two deployed stacks: their image and their flows"
_DESCRIPTION = """\
Show in what two deployed stacks differ: the image that flows run in, and the flows.

Both are asked what they run; the files here do not matter. A flow is compared by its fingerprint, which is the same in
every environment; tasks/ and utils/ are a part of the image."""
_EPILOG = """\
examples:
  python -m delivery diff --from stage --to prod
      what `make promote FROM=stage TO=prod` and a merge would bring
  python -m delivery diff --from stage --to prod --json --detailed-exitcode
      for a pipeline: exit 3 when something differs

exit: 0 done; 1 a stack cannot be read; 2 bad usage; 3 they differ (--detailed-exitcode)
"""
_DIFFERENT = 3
_SHORT = 12


@dataclass(frozen=True)
class FlowDifference:
    """A flow that is not the same on both sides; a fingerprint is None where there is no such flow."""

    name: str
    first: str | None
    second: str | None


def flows_differing(first: Mapping[str, str], second: Mapping[str, str]) -> list[FlowDifference]:
    """Compare fingerprints by name; one that nobody knows equals none."""
    names = sorted({*first, *second})
    return [
        FlowDifference(name, first.get(name), second.get(name))
        for name in names
        if not first.get(name) or first.get(name) != second.get(name)
    ]


def add(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("--from", dest="first", required=True, metavar="STACK", help="one stack, such as stage")
    parser.add_argument("--to", dest="second", required=True, metavar="STACK", help="the other, such as prod")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--detailed-exitcode", action="store_true", help="exit 3 when they differ")
    stack.add_backends(parser)


def run(options: argparse.Namespace) -> int:
    """Compare, and tell."""
    first, second = stack.read_two(Path.cwd(), options, options.first, options.second)
    for each in (first, second):
        if not each.update.succeeded:
            warn(f"warning: the last update of {each.stack} did not succeed; what it runs may be half old, half new")
    record = compare(first, second)
    if options.json:
        say(json.dumps(record, indent=2))
    else:
        for line in _table(record):
            say(line)
    return _DIFFERENT if options.detailed_exitcode and record["different"] else 0


def compare(first: Deployment, second: Deployment) -> dict[str, Any]:
    """Give all that is to be known of two stacks, and in what they differ, as JSON has it."""
    flows = flows_differing(first.flows, second.flows)
    sides = {"from": first, "to": second}
    images = [_digest(each) for each in sides.values()]
    same_image = images[0] == images[1]
    return {
        **{side: _described(each) for side, each in sides.items()},
        "different": bool(flows) or not same_image,
        "image": "same" if same_image else "different",
        "flows": [
            {"name": each.name, "change": _change(each), "from": each.first, "to": each.second} for each in flows
        ],
        "sameFlows": len({*first.flows, *second.flows}) - len(flows),
    }


def _digest(deployment: Deployment) -> str | None:
    return deployment.image.digest if deployment.image else None


def _described(deployment: Deployment) -> dict[str, Any]:
    return {
        "stack": deployment.stack,
        "succeeded": deployment.update.succeeded,
        "revision": deployment.update.revision or None,
        "dirty": deployment.update.dirty,
        "image": _digest(deployment),
        "imageContentHash": deployment.image_content_hash or None,
        "imageRevision": deployment.image_revision or None,
    }


def _change(flow: FlowDifference) -> str:
    if flow.second is None:
        return "onlyInFrom"
    return "onlyInTo" if flow.first is None else "fingerprint"


def _table(record: Mapping[str, Any]) -> Iterator[str]:
    first, second = record["from"], record["to"]
    rows = [("", first["stack"], second["stack"], "")]
    differs = {True: "", False: "differs"}
    rows.append(("image", *_pair(first, second, "image"), differs[record["image"] == "same"]))
    for name, key in (("content", "imageContentHash"), ("of revision", "imageRevision"), ("deployed from", "revision")):
        known = first[key] and second[key]
        rows.append((name, *_pair(first, second, key), differs[not known or first[key] == second[key]]))
    words = {
        "onlyInFrom": f"only in {first['stack']}",
        "onlyInTo": f"only in {second['stack']}",
        "fingerprint": "differs",
    }
    flows = [
        (each["name"], _short(each["from"]), _short(each["to"]), words[each["change"]]) for each in record["flows"]
    ]
    widths = [max(len(row[column]) for row in [*rows, *flows]) for column in range(3)]
    for row in [*rows, *([("",) * 4] if flows else []), *flows]:
        cells = zip(row, widths, strict=False)
        yield "  ".join([*(cell.ljust(width) for cell, width in cells), row[3]]).rstrip()
    yield ""
    yield _closing(record, len(flows))


def _pair(first: Mapping[str, Any], second: Mapping[str, Any], key: str) -> tuple[str, str]:
    return _short(first[key]), _short(second[key])


def _short(value: str | None) -> str:
    """Shorten a digest, a content hash, a revision or a fingerprint."""
    return (value or "-").removeprefix("sha256:")[:_SHORT]


def _closing(record: Mapping[str, Any], flows: int) -> str:
    image = "the same image" if record["image"] == "same" else "different images"
    same = f"{record['sameFlows']} flow(s) are the same"
    return f"{image}; {same}, {flows} differ" if flows else f"{image}; {same}"
