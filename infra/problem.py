"""What is wrong with a stack file, in the one shape that every rule reports it in."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that a person has to mend in a stack file."""

    key: str
    """As the stack file spells it; empty for the stack's name."""
    wrong: str
    """What is wrong, as the rest of a sentence that starts with the key."""
    fix: str
    """What to do, as an order."""
    tells_no_value: bool = False
    """Whether `wrong` can be told of a secret too."""


class WrongValueError(ValueError):
    """A value that is wrong whatever the other keys say."""

    def __init__(self, wrong: str, fix: str) -> None:
        super().__init__(wrong, fix)
        self.wrong = wrong
        self.fix = fix
