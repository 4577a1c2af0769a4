"""What a command tells people: lines that are printed at once, also into a pipe."""

import sys


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def warn(line: str) -> None:
    """Print a line beside the command's own output."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
