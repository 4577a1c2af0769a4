"""A build that runs nothing: what a builder would find of a Dockerfile in a context, and what it would say.

It reads which files are copied in, and knows no other way to fail: it pulls no base image and runs no step.
"""

import fnmatch
import hashlib
import io
import json
import re
import shlex
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

Files = Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a build; without a digest it failed."""

    log: tuple[str, ...]
    digest: str | None


def unpack(packed: bytes) -> Files:
    """Read a context.

    Raises:
        ValueError: it is no compressed tar file.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
            return {member.name: file.read() for member in tar if (file := tar.extractfile(member))}
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"the context is no compressed tar file: {error}") from None


def build(files: Files, dockerfile: str, arguments: Mapping[str, str]) -> Outcome:
    """Go through a Dockerfile; equal files and equal arguments make an equal digest, which no builder promises."""
    if dockerfile not in files:
        return Outcome(log=(f"unable to prepare context: unable to evaluate symlinks in {dockerfile}",), digest=None)
    steps = list(_steps(files[dockerfile].decode("utf-8", "replace")))
    log = []
    for number, step in enumerate(steps, 1):
        log.append(f"Step {number}/{len(steps)} : {step}")
        if missing := [source for source in _copied(step) if not _has(files, source)]:
            log.append(f"COPY failed: file not found in build context: stat {missing[0]}: file does not exist")
            return Outcome(log=tuple(log), digest=None)
    listed = [[path, hashlib.sha256(files[path]).hexdigest()] for path in sorted(files)]
    digest = hashlib.sha256(json.dumps(["emulated build", listed, sorted(arguments.items())]).encode()).hexdigest()
    return Outcome(log=(*log, "Emulated: none of these steps was run"), digest=f"sha256:{digest}")


def _steps(dockerfile: str) -> Iterator[str]:
    """Yield the instructions, each in one line."""
    lines = [line for line in dockerfile.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for step in re.sub(r"\\\n", "", "\n".join(lines)).splitlines():
        yield " ".join(step.split())


def _copied(step: str) -> list[str]:
    """Name what an instruction takes from the context."""
    instruction, _, rest = step.partition(" ")
    words = shlex.split(rest) if instruction.upper() in {"COPY", "ADD"} else []
    flags = [word for word in words if word.startswith("--")]
    from_elsewhere = any(flag.startswith("--from=") for flag in flags)
    return [] if from_elsewhere else [word for word in words if word not in flags][:-1]


def _has(files: Files, source: str) -> bool:
    """Find a file, or a folder with a file in it; a star stands for any part of one step of a path."""
    wanted = PurePosixPath(source).parts
    return any(
        len(steps) >= len(wanted) and all(map(fnmatch.fnmatchcase, steps, wanted))
        for steps in (PurePosixPath(path).parts for path in files)
    )
