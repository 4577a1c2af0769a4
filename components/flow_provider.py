"""The half of registration that runs in Pulumi's plugin process: providers for tenants, projects and flows.

State holds each provider as this module's path and a class name, so neither may ever move. The classes set no attribute
on an instance: pickling an instance dictionary, even an empty one, costs one wrapper more with every resource.
Registration is imported inside the methods, because the program imports this module for the classes alone.
"""

from __future__ import annotations

import sys
import traceback
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pulumi.dynamic import ConfigureRequest, CreateResult, DiffResult, ReadResult, ResourceProvider, UpdateResult

from registration.fingerprint import PARTS, fingerprint_of, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registration.api import Api
    from registration.apply import Registered

Properties = dict[str, Any]

BUNDLES = Path(".local/bundles")


class Provider(ResourceProvider):
    """What the three providers share: an explicit diff, and errors of one line."""

    # There is no secret in a provider, and encrypting a thousand of them takes its time.
    serialize_as_secret_always = False

    identity: ClassVar[tuple[str, ...]]
    """The inputs whose change makes it another resource."""
    mutable: ClassVar[tuple[str, ...]]
    """The inputs whose change is an update."""

    def configure(self, req: ConfigureRequest) -> None:  # noqa: ARG002 - the plugin's signature
        """Take part in the plugin's error reports; there is no configuration to read."""
        report_in_one_line()

    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        """Compare the inputs that count; an unknown one counts as changed."""
        replaced = [key for key in self.identity if _olds.get(key) != _news.get(key)]
        changed = [key for key in self.mutable if _olds.get(key) != _news.get(key)]
        return DiffResult(changes=bool(replaced or changed), replaces=replaced)


class TenantProvider(Provider):
    """Finds or makes a tenant. Removal leaves it on the server, because all history hangs on it."""

    identity = ("slug",)
    mutable = ("api",)

    def create(self, props: Properties) -> CreateResult:
        """Return the tenant's id on the server."""
        from registration.settings import Tenant

        tenant = Tenant(name=props["slug"], slug=props["slug"])
        return CreateResult(_api(props["api"]).ensure_tenant(tenant), dict(props))

    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Follow the server to another address."""
        return UpdateResult(dict(_news))

    def read(self, id_: str, props: Properties) -> ReadResult:
        """Tell whether the server still has the tenant."""
        found = _api(props["api"]).find_tenant(props["slug"])
        return ReadResult(id_, dict(props), dict(props)) if found == id_ else ReadResult("", {})


class ProjectProvider(Provider):
    """Finds or makes a project. Removal leaves it on the server, because the history of its flows hangs on it."""

    identity = ("name", "tenant_id")
    mutable = ("api",)

    def create(self, props: Properties) -> CreateResult:
        """Return the project's id on the server."""
        return CreateResult(_api(props["api"]).ensure_project(props["name"], props["tenant_id"]), dict(props))

    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Follow the server to another address."""
        return UpdateResult(dict(_news))

    def read(self, id_: str, props: Properties) -> ReadResult:
        """Tell whether the server still has the project."""
        found = _api(props["api"]).find_project(props["name"], props["tenant_id"])
        return ReadResult(id_, dict(props), dict(props)) if found == id_ else ReadResult("", {})


class FlowProvider(Provider):
    """Registers one flow. The resource's id is the flow group's, which all versions of a flow share."""

    identity = ("name", "project_id")
    # Each part of the registration key is an input of its own, so that a preview names what changed.
    mutable = (*PARTS, "schedules", "api", "store")

    def create(self, props: Properties) -> CreateResult:
        """Register the flow, or find it registered."""
        with _told_of(props["name"]):
            registered = _register(props)
        return CreateResult(registered.flow_group_id, _outputs(props, registered.flow_id, registered.version))

    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Register a new version, where the key changed; the path is the one of `create`."""
        with _told_of(_news["name"]):
            registered = _register(_news)
        return UpdateResult(_outputs(_news, registered.flow_id, registered.version))

    def read(self, id_: str, props: Properties) -> ReadResult:
        """Tell what the server has: an archived flow is gone, one registered by other means has other parts."""
        from registration import apply
        from registration.store import open_store

        with _told_of(props["name"]):
            row = _api(props["api"]).flow_by_group(id_)
        if row is None:
            return ReadResult("", {})
        inputs = {key: props[key] for key in (*self.identity, *self.mutable, "project")}
        if row.key != key_of({part: props[part] for part in PARTS}):
            found = apply.parts_of(open_store(props["store"], root=Path.cwd()), row)
            inputs |= {part: found.get(part, "") for part in PARTS}
        return ReadResult(id_, _outputs(inputs, row.id, row.version), inputs)

    def delete(self, _id: str, _props: Properties) -> None:
        """Archive the flow; one that is already gone is no error, a server that does not answer is."""
        with _told_of(_props["name"]):
            row = _api(_props["api"]).flow_by_group(_id)
            if row is not None:
                _api(_props["api"]).archive(row.id)


@contextmanager
def _told_of(name: str) -> Iterator[None]:
    """Say in an error which flow it is about, and what to do where that is known."""
    from registration.error import RegistrationError, UnreachableError

    try:
        yield
    except UnreachableError as error:
        raise UnreachableError(f"flow {name}: {error}; run it again when the API answers") from error
    except RegistrationError as error:
        raise RegistrationError(f"flow {name}: {error}") from error


@cache
def _api(url: str) -> Api:
    from registration.api import Api

    return Api(url)


def _register(props: Properties) -> Registered:
    from registration import apply, bundle
    from registration.store import open_store

    key = key_of({part: props[part] for part in PARTS})
    return apply.register(
        _api(props["api"]),
        open_store(props["store"], root=Path.cwd()),
        bundle.read(BUNDLES, props["name"], key),
        project_id=props["project_id"],
        schedules=props["schedules"],
    )


def _outputs(inputs: Properties, flow_id: str, version: int) -> Properties:
    return {
        **inputs,
        "flow_id": flow_id,
        "version": version,
        "fingerprint": fingerprint_of({part: inputs[part] for part in PARTS}),
    }


@cache
def report_in_one_line() -> None:
    """Keep the plugin from printing a stack trace for an error that already says what to do.

    Its servicer answers every exception with `traceback.format_exc()` and offers no other way.
    """
    from registration.error import RegistrationError

    whole = traceback.format_exc

    @wraps(whole)
    def format_exc(limit: int | None = None, chain: bool = True) -> str:
        error = sys.exception()
        return str(error) if isinstance(error, RegistrationError) else whole(limit, chain)

    traceback.format_exc = format_exc
