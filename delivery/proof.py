"""What a stack has to have shown before another may run the same, and what a checkout has to hold to say so."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from components import image_content
from delivery import tree
from delivery.difference import flows_differing
from delivery.error import DeliveryError, UsageError
from delivery.stack import Deployment, Image
from infra import stack_file
from registration import catalog
from registration.settings import RunConfig, Settings

_SHORT = 10


def image(source: Deployment) -> Image:
    """Give the image that a stack has proved.

    Raises:
        DeliveryError: it has proved none, or no revision holds what it runs.
    """
    name, update, found = source.stack, source.update, source.image
    if not update.succeeded:
        raise DeliveryError(f"the last update of {name} did not succeed; deploy it again, and promote what works")
    if update.dirty or not update.revision:
        what = "changes that were not committed" if update.dirty else "a folder without git"
        raise DeliveryError(
            f"{name} was deployed from {what}, so no revision holds what it runs; deploy it from a commit"
        )
    if not source.flows:
        raise DeliveryError(f"{name} runs no flows; deploy them there first")
    if found is None or found.registry != source.output("registryLoginServer"):
        runs = source.outputs.get("flowImage") or "no image"
        raise DeliveryError(f"{name} runs {runs}, which is none of its own registry; pin it in the stack file by hand")
    if not source.image_revision:
        raise DeliveryError(
            f"{stack_file.name(name)} pins an image, and not of which revision it is; set flowImageRevision there"
        )
    return found


def check_checkout(root: Path, source: Deployment) -> None:
    """Refuse a checkout that is not what a stack runs: its commit would promote something else.

    Raises:
        DeliveryError: it is not, with a line for each difference.
    """
    lines = [*_flow_differences(root, source), *_image_differences(root, source)]
    if lines:
        listed = "".join(f"\n  {line}" for line in lines)
        raise DeliveryError(
            f"this checkout is not what {source.stack} runs; check out {source.update.revision[:_SHORT]} or a commit "
            f"with the same flows, tasks/ and utils/, then run it again:{listed}"
        )


def _flow_differences(root: Path, source: Deployment) -> Iterator[str]:
    folder = root / (source.update.config.get("flowsDirectory") or Settings().flows)
    found = catalog.load(folder, store=Settings().store, run_config=RunConfig())
    found.raise_for_failures()
    for each in flows_differing(source.flows, {record.name: record.fingerprint for record in found.records}):
        if each.second is None:
            yield f"flow {each.name}: {source.stack} has it, this checkout does not"
        elif each.first is None:
            yield f"flow {each.name}: this checkout has it, {source.stack} does not"
        else:
            yield f"flow {each.name}: differs"


def _image_differences(root: Path, source: Deployment) -> Iterator[str]:
    if image_content.address(root) != (source.image_address or _pinned_address(root, source)):
        yield "image: tasks/, utils/, requirements/flows.txt or the Dockerfile differ"


def _pinned_address(root: Path, source: Deployment) -> str:
    """Name the content of an image that was built for another stack: the revision that it is of tells."""
    revision = source.image_revision
    with tempfile.TemporaryDirectory(prefix="prefect-aks-revision-") as folder:
        try:
            tree.committed(root, revision, Path(folder))
        except UsageError:
            raise DeliveryError(
                f"the image of {source.stack} is of revision {revision}, which is not in this clone; fetch it, then "
                "run it again"
            ) from None
        return image_content.address(Path(folder))
