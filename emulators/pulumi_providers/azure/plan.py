"""What one run of the engine has shown of its plan so far, together with what exists: rules across resources look here.

In a preview most references are unknown; what one of them means was registered earlier, so it is among what was seen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from emulators.pulumi_providers.azure.catalogue import types
from emulators.pulumi_providers.store import Store
from emulators.pulumi_providers.value import is_unknown


@dataclass(frozen=True)
class Planned:
    """A resource of the plan."""

    urn: str
    name: str
    token: str
    inputs: Mapping[str, Any]
    identity: str | None
    """Its id in lower case, where all that it is made of is known."""


class Plan:
    """The resources of this run, and behind them the cloud."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, Planned] = {}

    def existing(self) -> "Plan":
        """What exists, without what is only planned."""
        return Plan(self._store)

    def see(self, urn: str, name: str, token: str, inputs: Mapping[str, Any], subscription: str) -> Planned:
        """Take note of a resource; a second look at it replaces the first."""
        row = types()[token]
        known = not any(is_unknown(inputs.get(one)) or inputs.get(one) is None for one in row.inputs)
        identity = row.identify(inputs, subscription).lower() if known else None
        self._seen[urn] = Planned(urn, name, token, inputs, identity)
        return self._seen[urn]

    def of(self, token: str) -> Iterator[Planned]:
        """The planned resources of a type."""
        return (planned for planned in self._seen.values() if planned.token == token)

    def find(self, identity: str) -> Mapping[str, Any] | None:
        """What a resource is to be, or else is, by its id."""
        wanted = identity.lower()
        for planned in self._seen.values():
            if planned.identity == wanted:
                return planned.inputs
        stored = self.stored(wanted)
        return stored["properties"] if stored else None

    def stored(self, identity: str) -> Mapping[str, Any] | None:
        """What exists under an id, whatever its case."""
        wanted = identity.lower()
        return next((found for key, found in self._store.all().items() if key.lower() == wanted), None)

    def candidates(self, token: str, reference: Any) -> list[Mapping[str, Any]]:
        """What a reference may mean: the one resource of a known id, or any planned one of the type."""
        if isinstance(reference, str):
            found = self.find(reference)
            return [] if found is None else [found]
        return [planned.inputs for planned in self.of(token)]
