"""What every emulated provider does with a resource; the providers differ in their rules, ids and outputs.

A method raises `RefusedError` for what the service would refuse. Nothing here knows the protocol.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from emulators.pulumi_providers import shape, validation
from emulators.pulumi_providers.difference import Change, compare
from emulators.pulumi_providers.projection import fill, take_over
from emulators.pulumi_providers.store import Store, reveal
from emulators.pulumi_providers.validation import Failure
from emulators.pulumi_providers.value import UNKNOWN, Secret, has_secret, plain, secret_texts


class RefusedError(Exception):
    """What the service would answer instead of doing it, in one line."""


class UnreadyError(RefusedError):
    """A resource that exists and is not what was asked for: the engine keeps it, and tries again the next time."""

    def __init__(
        self, message: str, identity: str, outputs: Mapping[str, Any], inputs: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.identity = identity
        self.outputs = outputs
        self.inputs = inputs


def mask(message: str, inputs: Mapping[str, Any]) -> str:
    """The message without what is secret in the inputs."""
    # The longest first, where one contains another.
    for text in sorted(secret_texts(inputs), key=len, reverse=True):
        message = message.replace(text, "[secret]")
    return message


@dataclass(frozen=True)
class Urn:
    """Who a resource is to the engine."""

    text: str

    @property
    def token(self) -> str:
        """The resource's own type, without those of its parents."""
        return self.text.split("::")[2].rsplit("$", 1)[-1]

    @property
    def name(self) -> str:
        """The logical name in the program."""
        return self.text.split("::", 3)[3]


@dataclass
class Provider(ABC):
    """One emulated provider, and what it has seen in this run of the engine."""

    name: str
    version: str
    store: Store
    configuration: dict[str, Any] = field(default_factory=dict)
    warn: Callable[[Urn, str], object] = lambda _urn, _message: None
    """Tells the user of something that is no failure."""

    @property
    def reaches(self) -> str:
        """Where what is created goes."""
        return "nothing reaches a cloud"

    @property
    def workers(self) -> int:
        """How many requests may be answered at once; with one, what a provider has seen needs no lock."""
        return 1

    def resource(self, token: str) -> shape.Resource:
        """The type of a resource, refused by its name when it is not known."""
        found = shape.find(self.name, token) if self.knows(token) else None
        if found is None:
            raise RefusedError(f"{token} is not a type that the emulated provider {self.name} {self.version} knows")
        return found

    def knows(self, token: str) -> bool:
        """Whether the emulator has what it needs of a type besides the SDK's knowledge."""
        return token.startswith(f"{self.name}:")

    def check(
        self, urn: Urn, old: dict[str, Any], new: dict[str, Any], seed: bytes
    ) -> tuple[dict[str, Any], list[Failure]]:
        """The inputs with their defaults, and everything that is wrong with them."""
        resource = self.resource(urn.token)
        failures = [it for it in validation.check(resource, new) if not self.is_open(urn.token, it)]
        inputs = self.complete(urn, old, new, Random(seed or urn.text))  # noqa: S311 -- names, not secrets
        return inputs, [
            Failure(failure.path, mask(failure.reason, inputs))
            for failure in failures or self.judge(urn, plain(inputs))
        ]

    def diff(self, urn: Urn, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
        """What differs between the inputs of the last update and the new ones."""
        return compare(old, new, self.replacing(urn.token, old))

    def create(
        self, urn: Urn, inputs: dict[str, Any], *, preview: bool, timeout: float = 0
    ) -> tuple[str, dict[str, Any]]:
        """Create a resource: its id, which a preview does not know, and its properties.

        `timeout` is in seconds; zero leaves it to the provider.
        """
        del timeout
        resource = self.resource(urn.token)
        if preview:
            return "", fill(resource.outputs, inputs, UNKNOWN)
        identity = self.identify(urn, plain(inputs))
        self.permit(urn, identity, plain(inputs))
        outputs = self._outputs(urn, identity, resource, inputs)
        self.store.put(self.key(urn, identity), urn.token, outputs)
        return identity, outputs

    def read(
        self, urn: Urn, identity: str, old_outputs: dict[str, Any], old_inputs: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """A resource's properties and inputs as they are now, unless it is gone."""
        stored = self.store.get(self.key(urn, identity))
        if stored is None:
            return None
        outputs = reveal(stored, old_outputs)
        resource = self.resource(urn.token)
        if not old_inputs:
            return outputs, {name: value for name, value in outputs.items() if name in resource.inputs.properties}
        return outputs, take_over(resource.inputs.properties, old_inputs, old_outputs, outputs)

    def update(  # noqa: PLR0913 -- a request of the protocol
        self,
        urn: Urn,
        identity: str,
        old_outputs: dict[str, Any],
        inputs: dict[str, Any],
        *,
        preview: bool,
        timeout: float = 0,
    ) -> dict[str, Any]:
        """Change a resource in place: its new properties."""
        del timeout
        resource = self.resource(urn.token)
        if preview:
            stable = {name: old_outputs[name] for name in self.stable(urn.token) if name in old_outputs}
            return fill(resource.outputs, inputs, UNKNOWN) | stable
        if self.store.get(self.key(urn, identity)) is None:
            raise RefusedError(f"{identity} does not exist any more: run `pulumi refresh`")
        self.permit_update(urn, identity, plain(inputs))
        outputs = self._outputs(urn, identity, resource, inputs)
        outputs = {**outputs, **self.keep(old_outputs, outputs)}
        self.store.put(self.key(urn, identity), urn.token, outputs)
        return outputs

    def delete(self, urn: Urn, identity: str) -> None:
        """Delete a resource; one that is gone already is no error."""
        self.permit_deletion(urn, identity)
        self.store.remove(self.key(urn, identity))

    def destroy(self, urn: Urn, identity: str, outputs: Mapping[str, Any], *, timeout: float) -> None:
        """Delete a resource whose last properties are known."""
        del outputs, timeout
        self.delete(urn, identity)

    def cancel(self) -> None:  # noqa: B027 -- few providers have anything to give up
        """Give up what takes long."""

    def _outputs(self, urn: Urn, identity: str, resource: shape.Resource, inputs: dict[str, Any]) -> dict[str, Any]:
        assigned = self.assign(urn, identity, plain(inputs))
        # What the service sets around a secret input holds that secret too.
        kept = {name: Secret(plain(it)) if has_secret(inputs.get(name)) else it for name, it in assigned.items()}
        return fill(resource.outputs, inputs, None) | kept

    def key(self, urn: Urn, identity: str) -> str:
        """What a resource is stored under."""
        del urn
        return identity

    def complete(self, urn: Urn, old: dict[str, Any], new: dict[str, Any], random: Random) -> dict[str, Any]:
        """The inputs with the names and defaults that the provider chooses."""
        del urn, old, random
        return new

    def is_open(self, token: str, failure: Failure) -> bool:
        """Whether the service is known to accept what its SDK does not list."""
        del token, failure
        return False

    def judge(self, urn: Urn, inputs: dict[str, Any]) -> list[Failure]:
        """What the service's published rules forbid; some of the inputs may be unknown."""
        del urn, inputs
        return []

    def permit(self, urn: Urn, identity: str, inputs: dict[str, Any]) -> None:
        """Refuse what cannot be created as things are."""
        del inputs
        if self.store.get(self.key(urn, identity)) is not None:
            raise RefusedError(f"cannot create already existing resource {identity}")

    def permit_update(self, urn: Urn, identity: str, inputs: dict[str, Any]) -> None:
        """Refuse what cannot be changed as things are."""
        del urn, identity, inputs

    def permit_deletion(self, urn: Urn, identity: str) -> None:
        """Refuse what cannot be deleted as things are."""
        del urn, identity

    def stable(self, token: str) -> Collection[str]:
        """The properties that an update in place never changes, and that a preview therefore knows."""
        del token
        return ()

    def deletes_first(self, token: str) -> bool:
        """Whether a replaced resource is deleted before its successor is created."""
        del token
        return False

    def deletes_before(self, urn: Urn, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Likewise, where it depends on the inputs."""
        del old, new
        return self.deletes_first(urn.token)

    def keep(self, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        """What an update leaves as it was."""
        del old, new
        return {}

    def configure(self, configuration: dict[str, Any]) -> None:
        """Take over the provider's own settings."""
        self.configuration = plain(configuration)

    @abstractmethod
    def replacing(self, token: str, old: Mapping[str, Any]) -> Collection[str]:
        """The paths of the inputs that cannot be changed in place."""

    @abstractmethod
    def identify(self, urn: Urn, inputs: dict[str, Any]) -> str:
        """The id that the service gives a new resource."""

    @abstractmethod
    def assign(self, urn: Urn, identity: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """The properties that the service sets."""

    @abstractmethod
    def invoke(self, token: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Answer a function of the provider."""
