"""The refusals that a client sees as GraphQL errors.

The Prefect client looks for some of these texts word by word, such as `Uniqueness violation.`; see its source before
changing one.
"""

from __future__ import annotations


class RefusedError(Exception):
    """What the caller asked for cannot be done; the message is meant for the caller.

    Attributes:
        code: the machine-readable kind, sent as `extensions.code`.
    """

    def __init__(self, message: str, code: str = "INTERNAL_SERVER_ERROR") -> None:
        super().__init__(message)
        self.code = code


class BadDataError(RefusedError):
    """A value has the wrong form for its column's type."""

    def __init__(self, kind: str, value: object) -> None:
        super().__init__(f'invalid input syntax for type {kind}: "{str(value)[:100]}"', "data-exception")


class RequestError(Exception):
    """The HTTP request is not a GraphQL request at all; it is answered with a status and plain text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
