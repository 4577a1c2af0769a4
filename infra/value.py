"""The kinds of value that a stack file has: each takes the engine's text, or says what is wrong and what to write."""

import difflib
import re
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Network, NetmaskValueError

from pydantic import AfterValidator, BeforeValidator

from infra.problem import WrongValueError

GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
HOST = r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"


def shaped(pattern: str, fix: str, *, optional: bool = False) -> AfterValidator:
    """Text of a shape; empty text is missing unless it is optional."""

    def check(value: str) -> str:
        if not value and optional:
            return value
        if not re.fullmatch(pattern, value):
            raise WrongValueError("has the wrong form" if value else "is missing", fix)
        return value

    return AfterValidator(check)


def known(values: Iterable[str], fix: str) -> AfterValidator:
    """Text from a long list; a near miss is told."""
    choices = list(values)

    def check(value: str) -> str:
        if value not in choices:
            near = difflib.get_close_matches(value.lower().replace(" ", ""), choices, 1)
            raise WrongValueError("is unknown" if value else "is missing", f"did you mean {near[0]}?" if near else fix)
        return value

    return AfterValidator(check)


def between(least: float, most: float) -> AfterValidator:
    """A number from one to another, both included."""

    def check(value: float) -> float:
        if not least <= value <= most:
            raise WrongValueError("is out of range", f"use {least} to {most}")
        return value

    return AfterValidator(check)


def member(*choices: int) -> AfterValidator:
    """One of some numbers."""

    def check(value: int) -> int:
        if value not in choices:
            raise WrongValueError("is none of Azure's", f"use one of {', '.join(map(str, choices))}")
        return value

    return AfterValidator(check)


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    items = [item.strip() for item in value.split(",") if item.strip()]
    twice = sorted({item for item in items if items.count(item) > 1})
    if twice:
        raise WrongValueError(f"names {', '.join(twice)} more than once", "name each once")
    return items


def listed() -> BeforeValidator:
    """A list, written with commas between its items; none is written twice."""
    return BeforeValidator(_split)


def each(pattern: str, fix: str) -> AfterValidator:
    """A list whose items all have one shape."""

    def check(values: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [repr(value) for value in values if not re.fullmatch(pattern, value)]
        if wrong:
            raise WrongValueError(f"has {', '.join(wrong)} in it, which has the wrong form", fix)
        return values

    return AfterValidator(check)


def not_empty(fix: str) -> AfterValidator:
    """A list with at least one item."""

    def check(values: tuple[str, ...]) -> tuple[str, ...]:
        if not values:
            raise WrongValueError("is missing", fix)
        return values

    return AfterValidator(check)


def _network(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return IPv4Network(value)
    except (AddressValueError, NetmaskValueError):
        wrong = "is no IPv4 network" if value else "is missing"
        raise WrongValueError(wrong, "write ADDRESS/PREFIX, such as 10.16.0.0/20") from None
    except ValueError:
        wrong = "does not start where its prefix says"
        raise WrongValueError(wrong, f"write {IPv4Network(value, strict=False)}") from None


def _item(value: object) -> object:
    try:
        return _network(value)
    except WrongValueError as error:
        raise WrongValueError(f"has {value!r} in it, which {error.wrong}", error.fix) from None


def network() -> BeforeValidator:
    """An IPv4 network in CIDR notation."""
    return BeforeValidator(_network)


def networks() -> BeforeValidator:
    """A list of networks, written with commas between them."""

    def split(value: object) -> object:
        items = _split(value)
        return tuple(_item(item) for item in items) if isinstance(items, list) else items

    return BeforeValidator(split)
