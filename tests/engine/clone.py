"""A clone of the working tree, uncommitted files among it, that shares this environment's packages."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def clone(root: Path) -> None:
    """Copy what git knows or would take into a new folder, and commit it there."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    (root / ".venv").mkdir()
    for entry in (ROOT / ".venv").iterdir():
        if not entry.name.startswith(".installed-"):
            (root / ".venv" / entry.name).symlink_to(entry)
    # The Makefile asks for a mark of this folder's name: the packages are there.
    marked = subprocess.run(["cksum"], input=str(root).encode(), capture_output=True, check=True)
    (root / f".venv/.installed-{marked.stdout.decode().split()[0]}").touch()
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root, "base")


def git(root: Path, *arguments: str) -> str:
    """Run git as nobody in particular, and give what it says."""
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.com", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def commit(root: Path, message: str) -> None:
    """Commit all that is there, if anything has changed."""
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", message)
