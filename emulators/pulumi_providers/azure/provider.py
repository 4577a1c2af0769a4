"""The emulated azure-native provider: ids, names and answers as Azure Resource Manager gives them."""

import os
import re
from collections.abc import Collection, Mapping
from random import Random
from typing import Any
from uuid import UUID

from emulators.pulumi_providers.azure import answer, function, reference, rule
from emulators.pulumi_providers.azure.catalogue import AzureType, types
from emulators.pulumi_providers.azure.plan import Plan
from emulators.pulumi_providers.difference import Change
from emulators.pulumi_providers.provider import Provider, RefusedError, Urn
from emulators.pulumi_providers.store import Store
from emulators.pulumi_providers.validation import Failure, UnlistedValue
from emulators.pulumi_providers.value import plain

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
_LOCK = "azure-native:authorization:ManagementLockByScope"


class Emulated(Provider):
    """Azure Resource Manager, as far as it can be known beforehand."""

    def __init__(self, name: str, version: str, store: Store) -> None:
        super().__init__(name, version, store)
        self._plan = Plan(store)

    @property
    def subscription(self) -> str:
        """The subscription that everything is in."""
        return str(self.configuration.get("subscriptionId") or os.environ.get("ARM_SUBSCRIPTION_ID") or SUBSCRIPTION)

    def knows(self, token: str) -> bool:
        """Whether the type's id is known."""
        return token in types()

    def complete(self, urn: Urn, old: dict[str, Any], new: dict[str, Any], random: Random) -> dict[str, Any]:
        """A name where the program gives none: the old one, or the logical name with eight random characters."""
        row = types()[urn.token]
        name = row.inputs[-1] if row.inputs else ""
        if not name or new.get(name) is not None:
            return new
        return {**new, name: old.get(name) or _name(row, urn.name, random)}

    def is_open(self, token: str, failure: Failure) -> bool:
        """Whether Azure documents more values of a property than the SDK lists."""
        return isinstance(failure, UnlistedValue) and re.sub(r".*\.|\[\d+\]", "", failure.path) in types()[token].open

    def judge(self, urn: Urn, inputs: dict[str, Any]) -> list[Failure]:
        """What Azure's published rules forbid."""
        return rule.judge(self._plan.see(urn.text, urn.name, urn.token, inputs, self.subscription), self._plan)

    def permit(self, urn: Urn, identity: str, inputs: dict[str, Any]) -> None:
        """Refuse what exists, what has no parent, and what refers to nothing; what Azure makes itself exists always."""
        if not types()[urn.token].singleton:
            stored = self._plan.stored(identity)
            if stored is not None:
                raise RefusedError(f"cannot create already existing resource {identity}")
            self._claim(urn, identity)
        parent = _parent(identity)
        if parent and self._plan.stored(parent) is None:
            raise RefusedError(f"cannot create {identity}: {parent} does not exist")
        self._refer("create", identity, inputs)

    def permit_update(self, urn: Urn, identity: str, inputs: dict[str, Any]) -> None:
        """Refuse what refers to nothing."""
        del urn
        self._refer("update", identity, inputs)

    def _refer(self, verb: str, identity: str, inputs: dict[str, Any]) -> None:
        for failure in reference.missing(inputs, self._plan.existing()):
            raise RefusedError(f"cannot {verb} {identity}: {failure.path}: {failure.reason}")

    def _claim(self, urn: Urn, identity: str) -> None:
        """Refuse a host name that another resource has."""
        name = identity.rsplit("/", 1)[-1]
        for other, found in self.store.all().items():
            if types()[urn.token].unique and found["type"] == urn.token and other.rsplit("/", 1)[-1] == name:
                raise RefusedError(f'cannot create {identity}: the name "{name}" is taken by {other}')

    def permit_deletion(self, urn: Urn, identity: str) -> None:
        """Refuse to delete what a lock holds, or what holds something locked."""
        if types()[urn.token].singleton:
            return
        for lock, found in self.store.all().items():
            scope = lock.rpartition("/providers/Microsoft.Authorization/locks/")[0]
            held = found["type"] == _LOCK and (_covers(scope, identity) or _covers(identity, scope))
            if held and lock.lower() != identity.lower():
                raise RefusedError(f"cannot delete {identity}: the lock {lock} holds it")

    def delete(self, urn: Urn, identity: str) -> None:
        """Delete a resource and all that is in it."""
        self.permit_deletion(urn, identity)
        for other in self.store.all():
            if _covers(identity, other):
                self.store.remove(other)

    def replacing(self, token: str, old: Mapping[str, Any]) -> Collection[str]:
        """Whatever is in the id, and the listed properties."""
        del old
        return {*types()[token].inputs, *types()[token].replace}

    def diff(self, urn: Urn, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
        """What differs; a location may be written in two ways."""
        before, after = (_written(plain(inputs).get("location")) for inputs in (old, new))
        changes = super().diff(urn, old, new)
        return [change for change in changes if change.path != "location" or before != after]

    def deletes_first(self, token: str) -> bool:
        """Always: a name cannot be taken twice."""
        return token in types()

    def stable(self, token: str) -> Collection[str]:
        """Two properties that never change in place."""
        del token
        return ("name", "location")

    def identify(self, urn: Urn, inputs: dict[str, Any]) -> str:
        """The id that Azure Resource Manager gives."""
        return types()[urn.token].identify(inputs, self.subscription)

    def assign(self, urn: Urn, identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """What Azure sets."""
        resource = self.resource(urn.token)
        return answer.assign(resource, types()[urn.token], identity, inputs)

    def invoke(self, token: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Answer a function, or refuse it by its name."""
        answer = function.FUNCTIONS.get(token)
        if answer is None:
            raise RefusedError(f"{token} is not a function that the emulated provider {self.name} {self.version} knows")
        return answer(arguments, self.subscription)


def _name(row: AzureType, logical: str, random: Random) -> str:
    if row.auto == "uuid":
        return str(UUID(int=random.getrandbits(128), version=4))
    return f"{logical}{random.getrandbits(32):08x}"


def _written(location: Any) -> Any:
    """A location without what does not count in it."""
    return location.replace(" ", "").lower() if isinstance(location, str) else location


def _covers(scope: str, identity: str) -> bool:
    """Whether a resource is a scope, or within it."""
    return f"{identity}/".lower().startswith(f"{scope}/".lower())


def _parent(identity: str) -> str | None:
    """The id of what a resource is in; none for what is in a subscription, or stands on any scope."""
    before, found, own = identity.rpartition("/providers/")
    steps = own.split("/")
    if found and len(steps) > 3:  # noqa: PLR2004 -- the namespace, a type and a name
        # The one service of a kind that Azure makes with an account is no resource of the program.
        parent = "/".join(steps[:-2]).removesuffix("/blobServices/default").removesuffix("/fileServices/default")
        return f"{before}/providers/{parent}"
    return before if before.count("/") == 4 else None  # noqa: PLR2004 -- a subscription's group
