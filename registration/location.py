"""Where a flow's script lies in a store: `NAME/FINGERPRINT.py`, with NAME made safe.

The server's rows are read back by this form, so a change of it makes every registered flow foreign.
"""

import hashlib
import re

_SAFE = re.compile(r"[a-z0-9](?:[a-z0-9_]|[.-](?=[a-z0-9_])){0,62}")
_HASHED = re.compile(r".*-[0-9a-f]{16}")
_SCRIPT = re.compile(r"(?:.*[/\\])?(?P<folder>[^/\\]+)[/\\](?P<fingerprint>[0-9a-f]{64})\.py")


def folder_of(name: str) -> str:
    """Name the folder of a flow: safe on every file system, and different for different names.

    A plain lower-case name is kept; any other is shortened and told apart by a hash.
    """
    if _SAFE.fullmatch(name) and not _HASHED.fullmatch(name):
        return name
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
    return f"{plain or 'flow'}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def script_path(name: str, fingerprint: str) -> str:
    """Give the path of a flow's script, relative to its store."""
    return f"{folder_of(name)}/{fingerprint}.py"


def fingerprint_in(path: str, name: str) -> str | None:
    """Read the fingerprint out of the path of a script of this flow; None for any other path."""
    match = _SCRIPT.fullmatch(path)
    if match is None or match["folder"] != folder_of(name):
        return None
    return match["fingerprint"]
