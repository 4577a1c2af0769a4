"""The folder that keeps what was built, one folder an entry, named after what it was built from.

An entry's folder exists only when it is whole: it is filled under another name and renamed. Nothing is ever
written into it after that, so reading it needs no lock.
"""

import hashlib
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from filelock import FileLock, Timeout

_KEY_LENGTH = 12


def root(environ: Mapping[str, str]) -> Path:
    """Return the cache's folder, which need not exist."""
    if own := environ.get("PREFECT_AKS_CACHE"):
        return Path(own).expanduser().absolute()
    shared = environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    base = Path(shared) if Path(shared).is_absolute() else Path.home() / ".cache"
    return base / "prefect-aks"


def key(recipe: str, pins: Iterable[Path]) -> str:
    """Return a short hash of how something is built, of its pin files, and of this kind of machine."""
    digest = hashlib.sha256()
    for part in (sys.platform, platform.machine(), recipe):
        digest.update(hashlib.sha256(part.encode()).digest())
    for pin in pins:
        digest.update(hashlib.sha256(pin.read_bytes()).digest())
    return digest.hexdigest()[:_KEY_LENGTH]


def make(entry: Path, fill: Callable[[Path], None], *, on_wait: Callable[[], None]) -> Path:
    """Return the entry's folder, calling `fill` with an empty folder when there is none yet.

    Of several processes that want one entry at once, one fills it and the others wait, after a call of `on_wait`.
    What a killed process left is removed by the next one that fills the same entry.
    """
    if entry.is_dir():
        return entry
    entry.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(entry.parent / f".{entry.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_wait()
        lock.acquire()
    try:
        if not entry.is_dir():
            _fill(entry, fill)
    finally:
        lock.release()
    return entry


def _fill(entry: Path, fill: Callable[[Path], None]) -> None:
    prefix = f".{entry.name}.part-"
    for left in entry.parent.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    # A name of its own each time: a compiler that outlived a killed process still writes to the old one.
    part = Path(tempfile.mkdtemp(prefix=prefix, dir=entry.parent))
    try:
        part.chmod(0o755)
        fill(part)
        part.rename(entry)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
