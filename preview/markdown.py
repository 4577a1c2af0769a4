"""Markdown from names that anybody may have chosen, in a size that is given."""

import html
import re
from collections.abc import Sequence

from preview.plan import one_line

_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()<>#+!|~$-])")
_MENTION = {"@": "&#64;", "#": "&#35;"}


def escape(text: str, limit: int = 500) -> str:
    """Make a text mean itself, on one line; what is longer than `limit` is cut."""
    line = one_line(text)
    line = line if len(line) <= limit else f"{line[: limit - 1]}…"
    # A pull request would turn these into links and messages to people.
    told = _PUNCTUATION.sub(
        lambda found: found[1] if found[1] in "-()" else rf"\{found[1]}", line.replace("&", "&amp;")
    )
    told = told.replace(r"\<", "&lt;").replace(r"\>", "&gt;").replace(r"\#", _MENTION["#"])
    return told.replace("@", _MENTION["@"])


def plain(text: str, limit: int = 200) -> str:
    """Make a text mean itself inside an HTML element."""
    told = html.escape(one_line(text)[:limit], quote=False)
    return "".join(_MENTION.get(char, char) for char in told)


def row(*cells: str) -> str:
    """Make a row of a table."""
    return f"| {' | '.join(cells)} |"


def table(*head: str) -> list[str]:
    """Make the head of a table."""
    return [row(*head), row(*("---" for _ in head))]


def fit(lines: Sequence[str], budget: int, rest: str) -> list[str]:
    """Keep as many whole lines as a number of characters holds; `rest` says with `{}` how many were left out."""
    if sum(len(line) + 1 for line in lines) <= budget:
        return list(lines)
    room = budget - len(rest) - len(str(len(lines)))
    kept = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return [*kept, rest.format(len(lines) - len(kept))]
