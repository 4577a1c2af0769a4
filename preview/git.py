"""The user's own git, asked for one thing at a time."""

import subprocess
from pathlib import Path


class GitError(RuntimeError):
    """Git cannot be run, or refuses; the message is one line. `code` is what it ended with, 0 where it did not run."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


def git(root: Path, *arguments: str) -> bytes:
    """Run git in a folder, and give what it prints.

    The caller keeps a name or a path from reading as an option, by `--end-of-options` or `--`.

    Raises:
        GitError: it is not there, or fails; with the last line of what it says.
    """
    try:
        done = subprocess.run(  # noqa: S603 - see above
            ["git", *arguments],  # noqa: S607 - the user's own git
            cwd=root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise GitError(f"git cannot be run: {error.strerror}; install it, or put it on PATH") from None
    if done.returncode:
        # What a hook says of a commit that it refuses is on either.
        said = f"{done.stdout.decode(errors='replace')}\n{done.stderr.decode(errors='replace')}".strip().splitlines()
        why = said[-1].strip() if said else "failed, and does not say why"
        raise GitError(f"git {arguments[0]}: {why}", done.returncode)
    return done.stdout
