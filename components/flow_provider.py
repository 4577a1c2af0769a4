"""The half of registration that runs in Pulumi's plugin process: providers for tenants, projects and flows.

State holds each provider as this module's path and a class name, so neither may ever move. The classes set no attribute
on an instance: pickling an instance dictionary, even an empty one, costs one wrapper more with every resource.
Registration is imported inside the methods, because the program imports this module for the classes alone.
"""

from __future__ import annotations

import json
import sys
import threading
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
    from registration.row import Row

Properties = dict[str, Any]

BUNDLES = Path(".local/bundles")
_OPENING = threading.Lock()


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


class _PlaceProvider(Provider):
    """Finds or makes what flows are registered in. Removal leaves it on the server, because all history hangs on it."""

    mutable = ("api",)

    def create(self, props: Properties) -> CreateResult:
        """Return the place's id on the server."""
        with _told_of(self._named(props)):
            return CreateResult(self._ensure(_api(props["api"]), props), dict(props))

    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Follow the server to another address, where the same place has to be."""
        from registration.error import RegistrationError
        from registration.service_proxy import address_of, locator_of

        with _told_of(self._named(_news)):
            if self._find(_api(_news["api"]), _news) != _id:
                address = address_of(locator_of(_news["api"]))
                raise RegistrationError(
                    f"the API at {address} does not have it; was it deleted there, run `pulumi refresh`; "
                    "is that another server, take the flows out of the state with `pulumi state delete`"
                )
        return UpdateResult(dict(_news))

    def read(self, id_: str, props: Properties) -> ReadResult:
        """Tell whether the server still has it."""
        with _told_of(self._named(props)):
            found = self._find(_api(props["api"]), props)
        return ReadResult(id_, dict(props), dict(props)) if found == id_ else ReadResult("", {})

    def _named(self, props: Properties) -> str:
        raise NotImplementedError

    def _find(self, api: Api, props: Properties) -> str | None:
        raise NotImplementedError

    def _ensure(self, api: Api, props: Properties) -> str:
        raise NotImplementedError


class TenantProvider(_PlaceProvider):
    """Keeps a tenant."""

    identity = ("slug",)

    def _named(self, props: Properties) -> str:
        return f"tenant {props['slug']}"

    def _find(self, api: Api, props: Properties) -> str | None:
        return api.find_tenant(props["slug"])

    def _ensure(self, api: Api, props: Properties) -> str:
        from registration.settings import Tenant

        return api.ensure_tenant(Tenant(name=props["slug"], slug=props["slug"]))


class ProjectProvider(_PlaceProvider):
    """Keeps a project."""

    identity = ("name", "tenant_id")

    def _named(self, props: Properties) -> str:
        return f"project {props['name']}"

    def _find(self, api: Api, props: Properties) -> str | None:
        return api.find_project(props["name"], props["tenant_id"])

    def _ensure(self, api: Api, props: Properties) -> str:
        return api.ensure_project(props["name"], props["tenant_id"])


class FlowProvider(Provider):
    """Registers one flow. The resource's id is the flow group's, which all versions of a flow share."""

    identity = ("name", "project_id")
    # Each part of the registration key is an input of its own, so that a preview names what changed.
    mutable = (*PARTS, "schedules", "api", "store")

    def create(self, props: Properties) -> CreateResult:
        """Register the flow, or find it registered."""
        registered = _register(props)
        return CreateResult(registered.flow_group_id, _outputs(props, registered.id, registered.version))

    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Register a new version, where the key changed; the path is the one of `create`."""
        registered = _register(_news)
        return UpdateResult(_outputs(_news, registered.id, registered.version))

    def read(self, id_: str, props: Properties) -> ReadResult:
        """Tell what the server has: an archived flow is gone, one registered by other means has other parts."""
        from registration import apply
        from registration.store import open_store

        inputs = {key: props.get(key, "") for key in (*self.identity, *self.mutable, "project")}
        with _told_of(f"flow {props['name']}"):
            row = _api(props["api"]).flow_by_group(id_)
            if row is None:
                return ReadResult("", {})
            if row.key != key_of({part: inputs[part] for part in PARTS}):
                found = apply.parts_of(open_store(props["store"], root=Path.cwd()), row)
                inputs |= {part: found.get(part, "") for part in PARTS}
        return ReadResult(id_, _outputs(inputs, row.id, row.version), inputs)

    def delete(self, _id: str, _props: Properties) -> None:
        """Archive the flow; one that is already gone is no error, a server that does not answer is."""
        api = _api(_props["api"])
        with _told_of(f"flow {_props['name']}"):
            for row in api.flows_of_group(_id):
                api.archive(row.id)


@contextmanager
def _told_of(what: str) -> Iterator[None]:
    """Say in an error what it is about, and what to do where that is known."""
    from registration.error import RegistrationError, UnreachableError

    try:
        yield
    except UnreachableError as error:
        raise UnreachableError(f"{what}: {error}; run it again when the API answers") from error
    except RegistrationError as error:
        hint = "; the project is gone, run `pulumi refresh`, then again" if "Invalid project" in str(error) else ""
        raise RegistrationError(f"{what}: {error}{hint}") from error


def _api(locator: Any) -> Api:
    """Open an API once; several threads ask at the same time, and its credential may cost a process."""
    with _OPENING:
        return _opened(json.dumps(locator, sort_keys=True))


@cache
def _opened(locator: str) -> Api:
    from registration.connection import open_api
    from registration.service_proxy import locator_of

    return open_api(locator_of(json.loads(locator)))


def _register(props: Properties) -> Row:
    from registration import apply, bundle
    from registration.store import open_store

    with _told_of(f"flow {props['name']}"):
        return apply.register(
            _api(props["api"]),
            open_store(props["store"], root=Path.cwd()),
            bundle.read(BUNDLES, props["name"], key_of({part: props[part] for part in PARTS})),
            project_id=props["project_id"],
            schedules=props["schedules"],
        )


def _outputs(inputs: Properties, flow_id: str, version: int) -> Properties:
    parts = {part: inputs[part] for part in PARTS}
    # Of a flow that was registered by other means nobody knows all the parts.
    fingerprint = fingerprint_of(parts) if all(parts.values()) else ""
    return {**inputs, "flow_id": flow_id, "version": version, "fingerprint": fingerprint}


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
