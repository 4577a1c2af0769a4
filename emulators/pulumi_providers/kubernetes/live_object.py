"""Kubernetes objects in a cluster: server-side apply, waiting, drift and deletion, as the genuine provider does it."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from emulators.pulumi_providers.kubernetes.cluster import ApiError, Cluster, Place, UnreachableError
from emulators.pulumi_providers.kubernetes.drift import concealed, decoded, encoded, stripped, taken_over
from emulators.pulumi_providers.kubernetes.kind import Kind, annotation, kind_of
from emulators.pulumi_providers.kubernetes.wait import Waiting
from emulators.pulumi_providers.provider import RefusedError, UnreadyError, Urn, mask
from emulators.pulumi_providers.value import Secret, plain

MANAGER = "__fieldManager"
_CONFLICT, _NOT_FOUND = 409, 404
# A namespace or a definition that the program creates beside the object may come a moment later.
_RETRIES = (0.5, 1.0, 2.0, 4.0)
_POLICIES = {"orphan": "Orphan", "background": "Background"}
_SET_BY_SERVER = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")


class LiveObjects:
    """The objects of one cluster; a place without a namespace is in `default`."""

    def __init__(self, cluster: Cluster, default: str) -> None:
        self._cluster = cluster
        self._default = default
        self.waiting = Waiting(cluster)

    def create(self, urn: Urn, inputs: Mapping[str, Any], timeout: float) -> tuple[str, dict[str, Any], list[str]]:
        """Create an object and wait for it: its id, its properties, and what the API server warns of."""
        place = self._place(urn, inputs)
        if self._cluster.get(place) is not None:
            raise RefusedError(
                f"{_shown(place)} already exists in the cluster: take it over with `pulumi import`, "
                "or give this one another name"
            )
        manager = _manager(urn, {}, inputs)
        live, warnings = self._apply(place, inputs, manager)
        return place.identity, self._ready(place, inputs, live, manager, timeout), warnings

    def preview(self, urn: Urn, inputs: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[str]:
        """Ask the API server what it would say to an object, and return its warnings.

        What only the rest of the plan makes possible is not asked: an object in a namespace that is not there yet, or
        the successor of one that still is.
        """
        kind = kind_of(urn.token)
        try:
            if not self._cluster.exists(kind):
                return []
            place = self._place(urn, inputs)
            outer = Place(Kind("v1", "Namespace"), "", place.namespace)
            if (place.namespace and self._cluster.get(outer) is None) or (old is None and self._cluster.get(place)):
                return []
            return self._apply(place, inputs, _manager(urn, old or {}, inputs), dry_run=True)[1]
        except UnreachableError:
            return []

    def update(
        self, urn: Urn, identity: str, old: Mapping[str, Any], inputs: Mapping[str, Any], timeout: float
    ) -> tuple[dict[str, Any], list[str]]:
        """Change an object in place and wait for it: its properties, and what the API server warns of."""
        place = self._place(urn, inputs)
        if self._cluster.get(place) is None:
            raise RefusedError(f"{identity} does not exist any more: run `pulumi refresh`")
        manager = _manager(urn, old, inputs)
        live, warnings = self._apply(place, inputs, manager)
        return self._ready(place, inputs, live, manager, timeout), warnings

    def read(
        self, urn: Urn, identity: str, old: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """An object's properties, and the inputs as they are now; nothing when it is gone."""
        namespace, _, name = identity.rpartition("/")
        place = self._cluster.place(kind_of(urn.token), namespace or self._default, name)
        live = self._cluster.get(place) if self._cluster.exists(place.kind) else None
        if live is None:
            return None
        seen = stripped(live)
        # Without inputs this is an import: whatever can be set is taken.
        known = inputs or _settable(seen)
        outputs = _outputs(seen, known, _manager(urn, old, known))
        now: dict[str, Any] = taken_over(known, decoded(seen, inputs))
        verdict = self.waiting.judge(place)
        if inputs and not verdict.ready and annotation(plain(inputs), "skipAwait") != "true":
            raise UnreadyError(f"{_shown(place)} is not ready: {verdict.reason}", identity, outputs, now)
        return outputs, now

    def delete(self, urn: Urn, identity: str, timeout: float) -> None:
        """Delete an object and wait until it is gone; one that is gone already is no error."""
        namespace, _, name = identity.rpartition("/")
        if not self._cluster.exists(kind_of(urn.token)):
            return
        place = self._cluster.place(kind_of(urn.token), namespace or self._default, name)
        live = self._cluster.get(place)
        policy = _POLICIES.get(annotation(live or {}, "deletionPropagationPolicy").lower(), "Foreground")
        if live is None or not self._cluster.delete(place, policy):
            return
        verdict = self.waiting.until_gone(place, live, timeout)
        if not verdict.ready:
            raise RefusedError(f"{_shown(place)} was to be deleted, and {verdict.reason}")

    def _place(self, urn: Urn, inputs: Mapping[str, Any]) -> Place:
        metadata = plain(inputs["metadata"])
        if not metadata.get("name"):
            raise RefusedError("metadata.generateName cannot be used with server-side apply: give a name, or none")
        return self._cluster.place(kind_of(urn.token), metadata.get("namespace") or self._default, metadata["name"])

    def _apply(
        self, place: Place, inputs: Mapping[str, Any], manager: str, *, dry_run: bool = False
    ) -> tuple[dict[str, Any], list[str]]:
        manifest = encoded(plain(inputs))
        force = annotation(manifest, "patchForce") == "true"
        for pause in (*_RETRIES, 0.0):
            try:
                return self._cluster.apply(place, manifest, manager, force=force, dry_run=dry_run)
            except ApiError as error:
                if error.status == _NOT_FOUND and pause and not dry_run:
                    self.waiting.pause(pause)
                    continue
                raise RefusedError(_refusal(place, inputs, error)) from None
        raise AssertionError

    def _ready(
        self, place: Place, inputs: Mapping[str, Any], live: Mapping[str, Any], manager: str, timeout: float
    ) -> dict[str, Any]:
        """Wait for an object that was applied; its properties then."""
        verdict = self.waiting.until_ready(place, plain(inputs), timeout)
        with suppress(UnreachableError):
            live = self._cluster.get(place) or live
        outputs = _outputs(stripped(live), inputs, manager)
        if not verdict.ready:
            message = f"{_shown(place)} was applied and {verdict.reason}"
            raise UnreadyError(mask(message, inputs), place.identity, outputs)
        return outputs


def _outputs(seen: Mapping[str, Any], inputs: Mapping[str, Any], manager: str) -> dict[str, Any]:
    outputs: dict[str, Any] = concealed(seen, inputs)
    if seen["kind"] == "Secret":
        outputs = {name: Secret(it) if name == "data" else it for name, it in outputs.items()}
    return {**outputs, MANAGER: manager}


def _settable(seen: Mapping[str, Any]) -> dict[str, Any]:
    """What of a live object a program could have set."""
    metadata = {name: value for name, value in seen["metadata"].items() if name not in _SET_BY_SERVER}
    rest = {name: value for name, value in seen.items() if name != "status"}
    return {**rest, "metadata": metadata, **({"data": Secret(seen["data"])} if seen["kind"] == "Secret" else {})}


def _manager(urn: Urn, old: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """The field manager: an object keeps the one that it has."""
    made = f"pulumi-kubernetes-{hashlib.sha256(urn.text.encode()).hexdigest()[:8]}"
    return annotation(plain(inputs), "patchFieldManager") or str(old.get(MANAGER) or made)


def _refusal(place: Place, inputs: Mapping[str, Any], error: ApiError) -> str:
    message = f"{_shown(place)} was refused by the API server: {error}"
    if error.status == _CONFLICT and "conflict" in str(error):
        message += '; the annotation pulumi.com/patchForce "true" takes the fields over'
    # The API server has seen what is secret in another form.
    sent = {"sent": Secret(encoded(plain(inputs)).get("data"))} if place.kind.name == "Secret" else {}
    return mask(message, {**inputs, **sent})


def _shown(place: Place) -> str:
    return f"{place.kind.name} {place.identity}"
