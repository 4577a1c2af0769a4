"""The project as it was committed in a revision, in a folder of its own that shares this environment's packages."""

import io
import posixpath
import subprocess
import sys
import tarfile
from pathlib import Path


class RevisionError(RuntimeError):
    """A revision cannot be had; the message is one line."""


def extract(root: Path, revision: str, folder: Path) -> str:
    """Write a revision's files into a folder, and return its short hash.

    Raises:
        RevisionError: there is no such revision, no git, or a link in it that leads out of the project.
    """
    commit = (
        _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    )
    if not commit:
        raise RevisionError(f"git knows no revision {revision!r}; name a branch, a tag or a commit")
    with tarfile.open(fileobj=io.BytesIO(_git(root, "archive", "--format=tar", commit))) as archive:
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


def _git(root: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - a revision never reads as an option, see `--end-of-options`
            ["git", *arguments],  # noqa: S607 - the user's own git
            cwd=root,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise RevisionError(f"git cannot be run: {error.strerror}; it is needed to read a revision") from None
    if done.returncode and done.stderr.strip():
        raise RevisionError(f"git: {done.stderr.decode(errors='replace').strip().splitlines()[-1]}")
    return done.stdout
