"""The project as files: as it was committed in a revision, or as it lies here, edits included.

What differs is told by content. A file that Git ignores is no part of the project.
"""

from dataclasses import dataclass
from pathlib import Path

from delivery.error import UsageError
from preview import revision
from preview.git import GitError, git
from registration.source import Source


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A folder, and the paths of its files from there, sorted."""

    root: Path
    paths: tuple[str, ...]

    def below(self, *places: str) -> dict[str, bytes]:
        """Read the files that are one of these places, or lie below one."""
        wanted = (path for path in self.paths if any(path == place or path.startswith(f"{place}/") for place in places))
        return {path: (self.root / path).read_bytes() for path in wanted}


def committed(root: Path, name: str, folder: Path) -> tuple[Tree, str]:
    """Write a revision's files into a folder, and give its short hash, too.

    Raises:
        UsageError: there is no such revision.
        GitError: git fails in another way.
    """
    try:
        commit = revision.extract(root, name, folder)
    except revision.RevisionError as error:
        raise UsageError(str(error)) from None
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return Tree(root=folder, paths=tuple(paths)), commit


def is_first(root: Path) -> bool:
    """Tell whether what is checked out is a first commit, with none before it.

    The commit itself is read: in a shallow clone git takes one for the first whose parent it does not have.
    """
    try:
        header = git(root, "cat-file", "commit", "HEAD").partition(b"\n\n")[0]
    except GitError:
        return False
    return b"\nparent " not in header


def working(root: Path) -> Tree:
    """Take the files of this checkout, also those that were never committed.

    Raises:
        GitError: this is no checkout, or git cannot be run.
    """
    listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = {name for name in listed.decode(errors="surrogateescape").split("\0") if name}
    return Tree(root=root, paths=tuple(sorted(name for name in names if (root / name).is_file())))


def differing(before: Tree, after: Tree, *places: str) -> tuple[str, ...]:
    """Name the files whose bytes differ, or that are in one tree alone."""
    old, new = before.below(*places), after.below(*places)
    return tuple(sorted(path for path in {*old, *new} if old.get(path) != new.get(path)))


def meaning_otherwise(before: Tree, after: Tree, *places: str) -> tuple[str, ...]:
    """Do the same, without the Python files whose comments, docstrings or format alone differ, and without prose."""
    old, new = before.below(*places), after.below(*places)
    return tuple(path for path in differing(before, after, *places) if not _alike(path, old.get(path), new.get(path)))


def _alike(path: str, old: bytes | None, new: bytes | None) -> bool:
    if path.endswith(".md"):
        return True
    if not path.endswith(".py") or old is None or new is None:
        return False
    try:
        return _canonical(old) == _canonical(new)
    except (SyntaxError, ValueError):
        return False


def _canonical(content: bytes) -> str:
    return Source(text=content.decode("utf-8-sig"), modules={}, packages=frozenset()).canonical()
