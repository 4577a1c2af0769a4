"""`python -m delivery promote`: have one stack run the image that another has proved, by a commit.

The image itself is copied, never built again. What is deployed is decided in git alone: this commits, and pushes not.
"""

import argparse
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components import image_content
from delivery.change import change
from delivery.console import say
from delivery.deployed import stack
from delivery.deployed.stack import Deployment, Image
from delivery.error import DeliveryError, UsageError
from delivery.pr_project import interrupt
from delivery.promotion import pin, proof
from delivery.tree import Tree
from infra import stack_file
from preview.git import GitError, git
from registration.azure_endpoint import UnreachableAzureError
from registration.settings import replace

if TYPE_CHECKING:
    from components.registry_client import ContainerRegistry

NAME = "promote"
HELP = "have one stack run the flow image of another, by a commit"
_DESCRIPTION = """\
Copy the image that one stack's flows run in into another's registry, pin it in the other's stack file, and commit that.

What is committed here has to be what the first stack runs: the same flows, and the same tasks/, utils/ and packages.
So a merge of this commit brings just that. Nothing is pushed and nothing deployed; to go back, revert the commit."""
_EPILOG = """\
examples:
  python -m delivery promote --from stage --to prod --dry-run
      what it would do, and whether it may
  python -m delivery promote --from stage --to prod
      do it; run it again and nothing changes
  python -m delivery promote --from stage --to prod --from-backend 'azblob://state-stage?storage_account=ACCOUNT'
      where the states of the two lie apart

exit: 0 done or nothing to do; 1 refused or failed, and nothing was changed here; 2 bad usage
"""
_SHORT = 10


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """What one stack has proved, on its way to another."""

    root: Path
    head: str
    """The commit that was held to what the source runs, and that the promotion's own goes on top of."""
    source: Deployment
    target: Deployment
    image: Image
    """As the source has it."""

    @property
    def revision(self) -> str:
        """What holds all that the image is made of."""
        return self.source.image_revision

    @property
    def file(self) -> str:
        """What the target is pinned in."""
        return stack_file.name(self.target.stack)

    @property
    def tag(self) -> str:
        """What keeps the image in the target's registry, where an untagged one would be cleaned away."""
        return f"promoted-{self.image.digest.removeprefix('sha256:')[:16]}"

    @property
    def reference(self) -> str:
        """How the target pulls it."""
        login_server = self.target.output("registryLoginServer")
        return f"{login_server}/{image_content.REPOSITORY}@{self.image.digest}"


def add(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("--from", dest="source", required=True, metavar="STACK", help="the stack that runs the image")
    parser.add_argument("--to", dest="target", required=True, metavar="STACK", help="the stack that shall run it")
    parser.add_argument(
        "--dry-run", action="store_true", help="check everything, say what would be done, and do nothing"
    )
    stack.add_backends(parser)


def run(options: argparse.Namespace) -> int:
    """Check, copy, pin, commit."""
    root = Path.cwd()
    _check_target(root, options.source, options.target)
    head = _head(root)
    source, target = stack.read_two(root, options, options.source, options.target)
    promotion = Promotion(root=root, head=head, source=source, target=target, image=proof.image(source))
    proof.check_commit(root, head, source)
    new = _pinned(promotion)
    say(f"{source.stack} runs {promotion.image.short}, and this commit holds what it is made of and the same flows")
    _copy(promotion, dry_run=options.dry_run)
    _commit(promotion, new, dry_run=options.dry_run)
    return 0


def _check_target(root: Path, source: str, target: str) -> None:
    """Refuse a target that is none, or whose file somebody is at work on."""
    if source == target:
        raise UsageError(f"{source} runs what it runs; name another stack with --to")
    file = stack_file.name(target)
    paths = tuple(path for path in (file, stack_file.PROJECT_FILE) if (root / path).is_file())
    given = change.configuration(Tree(root=root, paths=paths), target)
    if given is None:
        missing = stack_file.PROJECT_FILE if file in paths else file
        raise UsageError(f"there is no {missing} here; name a stack of this project with --to")
    if given["platform"] != "azure":
        raise UsageError(f"{target} is no environment in Azure, and runs no image; name another stack with --to")
    if _git(root, "status", "--porcelain", "--", file):
        raise DeliveryError(f"{file} has changes that are not committed; commit or undo them, then run it again")
    if staged := _git(root, "diff", "--cached", "--name-only").splitlines():
        raise DeliveryError(
            f"{staged[0]} is staged, and no commit but the promotion's own may come of it; commit it, or unstage it "
            f"with `git restore --staged {staged[0]}`"
        )


def _copy(promotion: Promotion, *, dry_run: bool) -> None:
    """Have the image in the target's registry; one that is there is not copied again."""
    source, target = _registry(promotion.source), _registry(promotion.target)
    repository, tag, digest = image_content.REPOSITORY, promotion.tag, promotion.image.digest
    if _digest(target, repository, tag) == digest:
        say(f"{target.login_server} has it already")
        return
    if source.forbids_exports():
        raise DeliveryError(
            f"{source.login_server} lets no image be copied into another registry, by its export policy; set "
            f"registryExports in {stack_file.name(promotion.source.stack)} and deploy that first"
        )
    if dry_run:
        say(f"would copy it from {source.login_server} into {target.login_server}, as {repository}:{tag}")
        return
    say(f"Copying it from {source.login_server} into {target.login_server} …")
    target.copy_from(source, f"{promotion.image.repository}@{digest}", repository, tag)
    found = _digest(target, repository, tag, await_it=True)
    if found not in (None, digest):
        raise DeliveryError(f"{target.login_server} has {found} after the copy, not {digest}; run it again")
    say(
        f"copied, as {repository}:{tag}" + ("" if found else "; it was not read there, as that registry lets nobody in")
    )


def _registry(deployment: Deployment) -> "ContainerRegistry":
    from components.registry_client import ContainerRegistry  # noqa: PLC0415 - Azure's libraries are slow to load

    return ContainerRegistry(id=deployment.output("registryId"), login_server=deployment.output("registryLoginServer"))


def _digest(registry: "ContainerRegistry", repository: str, tag: str, *, await_it: bool = False) -> str | None:
    """Ask what a tag is. Azure copies into a private registry from anywhere, and only its own network can ask it."""
    try:
        return registry.await_digest(repository, tag) if await_it else registry.digest(repository, tag)
    except UnreachableAzureError:
        return None


def _pinned(promotion: Promotion) -> bytes:
    """Give what the target's stack file is to be."""
    old = (promotion.root / promotion.file).read_bytes().decode("utf-8")
    values = {pin.IMAGE: promotion.reference, pin.REVISION: promotion.revision}
    return pin.pinned(old, promotion.file, stack_file.namespace(promotion.root), values).encode()


def _commit(promotion: Promotion, new: bytes, *, dry_run: bool) -> None:
    """Write the target's stack file and commit it: both, or neither."""
    file = promotion.root / promotion.file
    old = file.read_bytes()
    if new == old:
        say(f"{promotion.file} pins it already: nothing to commit")
        return
    source, target = promotion.source.stack, promotion.target.stack
    message = f"Promote {source} to {target}: {promotion.image.short} (revision {promotion.revision[:_SHORT]})"
    if dry_run:
        say(f"would set {pin.IMAGE} and {pin.REVISION} in {promotion.file}, and commit it: {message}")
        return
    if _head(promotion.root) != promotion.head:
        raise DeliveryError("something else was committed here meanwhile; run it again")
    mode = file.stat().st_mode & 0o777
    try:
        replace(file, new, mode)
        _git(promotion.root, "commit", "--quiet", "--message", message, "--only", "--", promotion.file)
    except BaseException as error:
        with interrupt.ignored():
            if not _is_committed(promotion):
                # The first error is the one to tell.
                with suppress(OSError):
                    replace(file, old, mode)
        if isinstance(error, OSError):
            raise DeliveryError(f"{promotion.file} cannot be written: {error.strerror}") from None
        raise
    say(f"committed {_head(promotion.root)[:_SHORT]}: {message}")
    say(f"next: push it, and open a pull request into the branch that {target} is deployed from")


def _is_committed(promotion: Promotion) -> bool:
    """Whether the promotion's commit is there after all; where git does not tell, it is not."""
    with suppress(GitError):
        return _head(promotion.root) != promotion.head
    return False


def _head(root: Path) -> str:
    return _git(root, "rev-parse", "--verify", "HEAD").strip()


def _git(root: Path, *arguments: str) -> str:
    return git(root, *arguments).decode(errors="replace")
