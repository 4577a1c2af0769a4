"""What the engine says when something is wrong, as lines that each stand for themselves."""

from collections.abc import Collection

from preview.plan import Problem, one_line

# What the engine adds to errors that it has told already.
_ECHOES = (
    "preview failed",
    "update failed",
    "refresh failed",
    "an unhandled error occurred: program exited",
    "resource registration failed",
)
# What the engine says of all that it gave up because something else had failed.
_GIVEN_UP = "context canceled"
_TRACE = "Traceback (most recent call last)"


def problems_in(message: str, urn: str = "") -> list[Problem]:
    """Take an error of the engine apart: what the program reports of several settings is a line each."""
    if _TRACE in message:
        # Nobody but the program's own authors can use more than the last line of it.
        last = next((line for line in reversed(message.splitlines()) if line.strip()), "")
        return [Problem(urn=urn, message=one_line(f"the program failed: {last}"))]
    lines = [message] if urn else message.splitlines()
    told = [one_line(line.strip().removeprefix("error: ")) for line in lines]
    return [Problem(urn=urn, message=line) for line in told if line and not line.startswith(_ECHOES)]


def causes(problems: Collection[Problem]) -> list[Problem]:
    """Leave out what only follows from another problem, where there is another."""
    return [each for each in problems if not each.message.endswith(_GIVEN_UP)] or [*problems]


def errors_in(said: str) -> list[str]:
    """Find the errors in what a command printed, each with the lines that go on from it."""
    found: list[str] = []
    open_one = False
    for line in said.splitlines():
        text = line.strip()
        if text.startswith("error:"):
            found.append(text.removeprefix("error:").strip())
            open_one = True
        elif not text:
            open_one = False
        elif open_one:
            found[-1] = f"{found[-1]} {text}".strip()
    return [error for error in found if error]
