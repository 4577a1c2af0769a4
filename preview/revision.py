"""The project as it was committed in a revision, in a folder of its own that shares this environment's packages."""

import io
import posixpath
import sys
import tarfile
from pathlib import Path

from preview.git import GitError, git

_NO_SUCH_REVISION = 1


class RevisionError(GitError):
    """A revision cannot be had; the message is one line."""


def extract(root: Path, revision: str, folder: Path) -> str:
    """Write a revision's files into a folder, and return its short hash.

    Raises:
        RevisionError: there is no such revision, or a link in it leads out of the project.
        GitError: git cannot be run, or this is no repository.
    """
    try:
        found = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except GitError as error:
        if error.code != _NO_SUCH_REVISION:
            raise
        raise RevisionError(f"git knows no revision {revision!r}; name a branch, a tag or a commit") from None
    commit = found.decode().strip()
    with tarfile.open(fileobj=io.BytesIO(git(root, "archive", "--format=tar", commit))) as archive:
        # By hand: the first releases of Python 3.11 know no extraction filter. Git itself takes no path that leads out.
        if link := next((member for member in archive if _leads_out(member)), None):
            raise RevisionError(
                f"revision {revision!r} cannot be read: {link.name} is a link out of the project; name one without it"
            )
        archive.extractall(folder)  # noqa: S202 - see above
    (folder / ".venv").symlink_to(sys.prefix)
    return commit[:10]


def _leads_out(member: tarfile.TarInfo) -> bool:
    target = posixpath.normpath(posixpath.join(posixpath.dirname(member.name), member.linkname))
    return member.issym() and target.startswith(("/", ".."))
