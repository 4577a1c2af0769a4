"""What a command tells people, at once also into a pipe, as lines that no pipeline's agent takes for commands."""

import sys

from preview.logging_command import disarmed
from preview.plan import one_line


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{disarmed(line)}\n")
    sys.stdout.flush()


def warn(line: str) -> None:
    """Print a line beside the command's own output."""
    sys.stderr.write(f"{disarmed(line)}\n")
    sys.stderr.flush()


def command(name: str, text: str) -> None:
    """Tell the agent of Azure Pipelines something; `name` has the command's properties, and `text` may be anyone's."""
    sys.stdout.write(f"##vso[{name}]{disarmed(one_line(text))}\n")
    sys.stdout.flush()
