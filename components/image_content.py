"""What the flow image is made of, read from a folder that holds the project: a build's context and its content hash.

A content hash names content alone, so it is the same on every machine, and a change of what it is made of moves every
hash: whoever changes that raises the format. `.dockerignore` says the same to `docker build .`, and a test holds
the two together.
"""

import gzip
import hashlib
import io
import json
import stat
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from registration.error import RegistrationError

REPOSITORY = "flows"
"""What the image is called in the environment's registry."""

_FORMAT = 1
_FILES = ("Dockerfile", "requirements/flows.txt")
_FOLDERS = ("tasks", "utils")
_CACHES = ("__pycache__",)
_COMPILED = (".pyc", ".pyo")


class ImageContentError(RegistrationError):
    """There is no image to be made of this folder; the text is one line and says what to do."""


def files(root: Path) -> Mapping[str, bytes]:
    """Read all that the image is made of, by its path below `root`, in the order of the paths.

    Hidden files, caches and what editors leave behind stay out; everything else in tasks/ and utils/ goes in.

    Raises:
        ImageContentError: a part is missing, or cannot be told the same on every machine.
    """
    paths = [*_FILES, *(path for folder in _FOLDERS for path in _below(root, folder))]
    return {path: _bytes(root, path) for path in sorted(paths)}


def content_hash(root: Path) -> str:
    """Name the content of a folder: 64 hexadecimal digits.

    Raises:
        ImageContentError: as `files`.
    """
    return hash_of(files(root))


def hash_of(content: Mapping[str, bytes]) -> str:
    """Name a content that was read already."""
    listed = [[path, hashlib.sha256(content[path]).hexdigest()] for path in sorted(content)]
    return hashlib.sha256(json.dumps([_FORMAT, listed]).encode()).hexdigest()


def archive_of(content: Mapping[str, bytes]) -> bytes:
    """Pack a build's context: a compressed tar file, in which nothing tells when, where or by whom it was packed."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(content):
            member = tarfile.TarInfo(path)
            member.size = len(content[path])
            tar.addfile(member, io.BytesIO(content[path]))
    return gzip.compress(packed.getvalue(), mtime=0)


def tag(content_hash: str, base: str) -> str:
    """Name the image of a content on a base image, which is given by its reference."""
    return f"{content_hash[:16]}-{hashlib.sha256(base.encode()).hexdigest()[:8]}"


def _below(root: Path, folder: str) -> list[str]:
    found = list(_walk(root, folder))
    if not found:
        raise ImageContentError(f"{root / folder} holds no file, and the flow image is made of it: add __init__.py")
    return found


def _walk(root: Path, folder: str) -> Iterator[str]:
    try:
        names = sorted(entry.name for entry in (root / folder).iterdir())
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise _unreadable(root / folder, error) from error
    for name in names:
        if not _stays_out(name):
            path = f"{folder}/{name}"
            # What is neither a folder nor a file is refused where it is read.
            yield from _walk(root, path) if (root / path).is_dir() and not (root / path).is_symlink() else (path,)


def _stays_out(name: str) -> bool:
    leftover = name.endswith("~") or (name.startswith("#") and name.endswith("#"))
    return name.startswith(".") or name in _CACHES or name.endswith(_COMPILED) or leftover


def _bytes(root: Path, path: str) -> bytes:
    file = root / path
    try:
        # A link is a file of other content where Git cannot make links, and may lead out of the project.
        if file.resolve() != root.resolve() / path:
            raise ImageContentError(f"{file} is a symbolic link; the flow image takes files alone: put a copy there")
        if not stat.S_ISREG(file.stat().st_mode):
            raise ImageContentError(
                f"{file} is not a file; remove it, or move it out of what the flow image is made of"
            )
        return file.read_bytes()
    except FileNotFoundError as error:
        raise ImageContentError(f"{file} is missing, and the flow image is made of it; restore it from Git") from error
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(path: Path, error: OSError) -> ImageContentError:
    return ImageContentError(f"{path} cannot be read ({error.strerror}), and the flow image is made of it")
