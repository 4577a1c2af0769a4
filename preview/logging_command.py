"""Azure Pipelines' logging commands: its agent obeys one anywhere in a line of a step's output, whoever wrote the line.

What resources, servers and commits are called, and what they answer, comes from outside.
"""

import re

# The agent compares as .NET does, which passes over characters that nobody sees.
_UNSEEN = r"[^ -~\n]*"
_COMMAND = re.compile(f"#(?={_UNSEEN}#{_UNSEEN}(?:v{_UNSEEN}s{_UNSEEN}o{_UNSEEN})?\\[)", re.IGNORECASE)


def disarmed(text: str) -> str:
    """Return a text in which no command is found: `##[` and `##vso[` have a space between their signs."""
    return _COMMAND.sub("# ", text)
