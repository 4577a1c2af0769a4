"""What a stack has to have shown before another may run the same, and what a commit has to hold to say so."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from components import image_content
from components.image_content import ImageContentError
from delivery import tree
from delivery.deployed.stack import Deployment, Image
from delivery.error import DeliveryError, UsageError
from delivery.promotion.difference import flows_differing
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


def check_commit(root: Path, commit: str, source: Deployment) -> None:
    """Refuse a commit that is not what a stack runs: one on top of it would promote something else.

    What lies in the checkout and is not committed does not matter, as nobody else would get it.

    Raises:
        DeliveryError: it is not, with a line for each difference.
    """
    with tempfile.TemporaryDirectory(prefix="prefect-aks-commit-") as name:
        folder = Path(name)
        tree.committed(root, commit, folder)
        content_hash = source.image_content_hash or _pinned_content_hash(root, source)
        lines = [*_flow_differences(folder, source), *_image_differences(folder, content_hash)]
    if lines:
        listed = "".join(f"\n  {line}" for line in lines)
        raise DeliveryError(
            f"what is committed here is not what {source.stack} runs; check out {source.update.revision[:_SHORT]} or a "
            f"commit with the same flows, tasks/ and utils/, then run it again:{listed}"
        )


def _flow_differences(root: Path, source: Deployment) -> Iterator[str]:
    folder = root / (source.update.config.get("flowsDirectory") or Settings().flows)
    fingerprints = _fingerprints(folder) if folder.is_dir() else {}
    for each in flows_differing(source.flows, fingerprints):
        if each.second is None:
            yield f"flow {each.name}: {source.stack} has it, this commit does not"
        elif each.first is None:
            yield f"flow {each.name}: this commit has it, {source.stack} does not"
        else:
            yield f"flow {each.name}: differs"


def _fingerprints(folder: Path) -> dict[str, str]:
    found = catalog.load(folder, store=Settings().store, run_config=RunConfig())
    found.raise_for_failures()
    return {record.name: record.fingerprint for record in found.records}


def _image_differences(root: Path, content_hash: str) -> Iterator[str]:
    try:
        same = image_content.content_hash(root) == content_hash
    except ImageContentError:
        same = False
    if not same:
        yield "image: tasks/, utils/, requirements/flows.txt or the Dockerfile differ"


def _pinned_content_hash(root: Path, source: Deployment) -> str:
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
        return image_content.content_hash(Path(folder))
