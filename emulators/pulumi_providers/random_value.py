"""The emulated random provider: it makes real random values, as the genuine one does."""

import base64
import secrets
import string
from collections.abc import Collection, Mapping
from typing import Any
from uuid import uuid4

from emulators.pulumi_providers.provider import Provider, RefusedError, Urn
from emulators.pulumi_providers.validation import Failure
from emulators.pulumi_providers.value import Secret

_KINDS = ("RandomId", "RandomPassword", "RandomString", "RandomUuid")
_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"


class Emulated(Provider):
    """Random values that stay what they are until an input changes."""

    def knows(self, token: str) -> bool:
        """Whether the value can be made."""
        return token.rsplit(":", 1)[-1] in _KINDS

    def judge(self, urn: Urn, inputs: dict[str, Any]) -> list[Failure]:
        """A text needs a length, and something to be made of."""
        del urn
        length = inputs.get("length")
        if not isinstance(length, int):
            return []
        if length < 1:
            return [Failure("length", f"must be 1 or more, not {length}")]
        least = sum(inputs.get(name) or 0 for name in ("minLower", "minNumeric", "minSpecial", "minUpper"))
        if least > length:
            return [Failure("length", f"{length} is less than minLower, minNumeric, minSpecial and minUpper together")]
        return [] if any(_classes(inputs).values()) else [Failure("special", "all kinds of characters are off")]

    def replacing(self, token: str, old: Mapping[str, Any]) -> Collection[str]:
        """Everything: a random value is never changed."""
        del old
        return self.resource(token).inputs.properties.keys()

    def identify(self, urn: Urn, inputs: dict[str, Any]) -> str:
        """An id that tells nothing of the value."""
        del urn, inputs
        return str(uuid4())

    def assign(self, urn: Urn, identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """The random value."""
        kind = urn.token.rsplit(":", 1)[-1]
        if kind == "RandomUuid":
            return {"result": identity}
        if kind == "RandomId":
            return _id(secrets.token_bytes(int(inputs["byteLength"])), str(inputs.get("prefix") or ""))
        text = make_text(inputs)
        return {"result": Secret(text)} if kind == "RandomPassword" else {"result": text}

    def keep(self, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        """The value stays."""
        return {name: old[name] for name in old if name in new}

    def invoke(self, token: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The genuine provider has no function."""
        del arguments
        raise RefusedError(f"{token} is not a function that the emulated provider {self.name} {self.version} knows")


def make_text(inputs: Mapping[str, Any]) -> str:
    """A text of the wanted length, with at least the wanted number of characters of each kind."""
    classes = _classes(inputs)
    made = [
        secrets.choice(characters)
        for kind, characters in classes.items()
        for _ in range(inputs.get(f"min{kind.capitalize()}") or 0)
    ]
    every = "".join(classes.values())
    made += [secrets.choice(every) for _ in range(int(inputs["length"]) - len(made))]
    secrets.SystemRandom().shuffle(made)
    return "".join(made)


def _classes(inputs: Mapping[str, Any]) -> dict[str, str]:
    """The characters of each kind that may be in a text."""
    special = inputs.get("overrideSpecial") or _SPECIAL
    all_of = {
        "lower": string.ascii_lowercase,
        "numeric": string.digits,
        "special": special,
        "upper": string.ascii_uppercase,
    }
    return {kind: characters for kind, characters in all_of.items() if inputs.get(kind) is not False}


def _id(made: bytes, prefix: str) -> dict[str, Any]:
    standard = base64.b64encode(made).decode()
    safe = base64.urlsafe_b64encode(made).decode().rstrip("=")
    number = str(int.from_bytes(made, "big"))
    return {"hex": prefix + made.hex(), "dec": prefix + number, "b64Std": prefix + standard, "b64Url": prefix + safe}
