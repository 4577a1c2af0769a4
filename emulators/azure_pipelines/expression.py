"""Expressions of Azure Pipelines: `${{ … }}` when a pipeline is expanded, conditions when it runs.

Text is compared without case, and a value takes the type of the one on its left. A name that is not there is refused:
Azure Pipelines would go on with nothing in its place.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from emulators.azure_pipelines.error import PipelineError

Function = Callable[..., Any]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?(?![\w.]))|(?P<name>[A-Za-z_]\w*)|(?P<mark>[()\[\],.]))"
)
_CONSTANTS: Mapping[str, Any] = {"true": True, "false": False, "null": None}


class Names(dict[str, Any]):
    """What a name in an expression stands for, found without case; `what` says what it is a name of."""

    def __init__(self, what: str, values: Mapping[str, Any], absent: Iterable[str] | None = ()) -> None:
        """Take the values, and the names that may be without one: None is every name."""
        super().__init__({key.lower(): value for key, value in values.items()})
        self._what = what
        self._absent = absent if absent is None else {name.lower() for name in absent}

    def __missing__(self, name: str) -> Any:
        if name.lower() in self:
            return self[name.lower()]
        if self._absent is None or name.lower() in self._absent:
            return None
        raise PipelineError(f"there is no {self._what} {name}")


def evaluate(expression: str, names: Mapping[str, Any], functions: Mapping[str, Function] | None = None) -> Any:
    """Give the value of an expression; `functions` are those that only some places have, such as `succeeded`.

    Raises:
        PipelineError: it is none, or uses what is not known.
    """
    return _Reader(expression, names, {**FUNCTIONS, **(functions or {})}).value()


def text(value: Any) -> str:
    """Write a value as Azure Pipelines does in the middle of a text."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float | str):
        return str(value)
    raise PipelineError(f"a {_kind(value)} stands where a text must be")


def truth(value: Any) -> bool:
    """Tell whether a value counts as true: every text does but the empty one."""
    return bool(value)


class _Reader:
    """Reads an expression from left to right and gives its value on the way."""

    def __init__(self, expression: str, names: Mapping[str, Any], functions: Mapping[str, Function]) -> None:
        self._expression = expression
        self._names = names
        self._functions = {name.lower(): function for name, function in functions.items()}
        self._tokens = self._split()

    def value(self) -> Any:
        found = self._next_value()
        if self._tokens:
            raise self._error(f"{self._tokens[0][1]} is too much")
        return found

    def _split(self) -> list[tuple[str, str]]:
        tokens, position, end = [], 0, len(self._expression.rstrip())
        while position < end:
            match = _TOKEN.match(self._expression, position)
            if not match or not match.lastgroup:
                raise self._error(f"{self._expression[position:].strip()[:20]!r} cannot be read")
            tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        return tokens

    def _next_value(self) -> Any:
        kind, token = self._take()
        if kind == "text":
            return token[1:-1].replace("''", "'")
        if kind == "number":
            return float(token) if "." in token else int(token)
        if kind != "name":
            raise self._error(f"{token} stands where a value must be")
        if self._tokens[:1] == [("mark", "(")]:
            return self._call(token)
        if token.lower() in _CONSTANTS:
            return _CONSTANTS[token.lower()]
        if token not in self._names:
            raise self._error(f"nothing is called {token}")
        return self._member(self._names[token])

    def _call(self, name: str) -> Any:
        if name.lower() not in self._functions:
            raise self._error(f"the function {name} is not known here")
        self._take("(")
        arguments = []
        while self._tokens[:1] != [("mark", ")")]:
            arguments.append(self._next_value())
            if self._tokens[:1] == [("mark", ",")]:
                self._take()
        self._take(")")
        try:
            return self._functions[name.lower()](*arguments)
        except TypeError:
            raise self._error(f"{name} does not take {len(arguments)} values") from None

    def _member(self, value: Any) -> Any:
        while self._tokens and self._tokens[0][1] in (".", "["):
            _, mark = self._take()
            if mark == ".":
                _, name = self._take()
            else:
                name = text(self._next_value())
                self._take("]")
            if not isinstance(value, Mapping):
                raise self._error(f"a {_kind(value)} has no {name}")
            if not isinstance(value, Names) and name not in value:
                raise self._error(f"there is no {name}")
            value = value[name]
        return value

    def _take(self, expected: str = "") -> tuple[str, str]:
        if not self._tokens or (expected and self._tokens[0][1] != expected):
            raise self._error(f"{expected or 'a value'} is missing")
        return self._tokens.pop(0)

    def _error(self, what: str) -> PipelineError:
        return PipelineError(f"in the expression {' '.join(self._expression.split())}: {what}")


def _kind(value: Any) -> str:
    return {dict: "mapping", Names: "mapping", list: "list", type(None): "nothing"}.get(type(value), "value")


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, Mapping | list) or isinstance(right, Mapping | list):
        raise PipelineError("mappings and lists are not compared here")
    if isinstance(left, bool):
        return left == truth(right)
    if isinstance(left, int | float):
        try:
            return float(left) == float(text(right))
        except ValueError:
            return False
    return text(left).lower() == text(right).lower()


def _among(value: Any, *others: Any) -> bool:
    return any(_equal(value, other) for other in others)


def _format(pattern: Any, *values: Any) -> str:
    return re.sub(r"\{(\d+)\}", lambda match: text(values[int(match[1])]), text(pattern))


FUNCTIONS: Mapping[str, Function] = {
    "and": lambda *values: all(truth(value) for value in values),
    "or": lambda *values: any(truth(value) for value in values),
    "not": lambda value: not truth(value),
    "eq": _equal,
    "ne": lambda left, right: not _equal(left, right),
    "in": _among,
    "notIn": lambda value, *others: not _among(value, *others),
    "contains": lambda value, part: text(part).lower() in text(value).lower(),
    "startsWith": lambda value, part: text(value).lower().startswith(text(part).lower()),
    "endsWith": lambda value, part: text(value).lower().endswith(text(part).lower()),
    "format": _format,
}
"""What every expression may call."""
