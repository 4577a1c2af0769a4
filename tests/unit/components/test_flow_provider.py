"""What the dynamic providers decide on their own, without an engine and without a server."""

import base64
import threading
import time
import traceback
from typing import Any

import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.rpc import UNKNOWN

from components import flow_provider
from components.flow_provider import FlowProvider, ProjectProvider, Provider, TenantProvider
from registration import connection
from registration.error import RegistrationError

PROXY: dict[str, Any] = {"server": "https://host", "certificate_authority": "", "namespace": "n", "service": "apollo"}
FLOW: dict[str, Any] = {
    "name": "etl",
    "project": "analytics",
    "project_id": "1",
    "api": "http://one",
    "store": "scripts",
    "schedules": "active",
    **dict.fromkeys(flow_provider.PARTS, "a"),
    "flow_id": "f",
    "version": 1,
    "fingerprint": "x",
}


@pytest.mark.parametrize("provider", [TenantProvider, ProjectProvider, FlowProvider])
def test_state_holds_a_provider_by_module_and_class_name_alone(provider: type[Provider]) -> None:
    pickled = base64.b64decode(serialize_provider(provider()))
    assert b"components.flow_provider" in pickled
    assert provider.__name__.encode() in pickled
    assert len(pickled) < 100


def test_a_provider_is_pickled_the_same_for_the_1500th_resource() -> None:
    first = serialize_provider(FlowProvider())
    for _ in range(1500):
        last = serialize_provider(FlowProvider())
    assert last == first


@pytest.mark.parametrize("part", flow_provider.PARTS)
def test_a_changed_part_is_an_update(part: str) -> None:
    result = FlowProvider().diff("g", FLOW, FLOW | {part: "b"})
    assert result.changes is True
    assert result.replaces == []


@pytest.mark.parametrize("key", ["name", "project_id"])
def test_another_identity_is_another_resource(key: str) -> None:
    assert FlowProvider().diff("g", FLOW, FLOW | {key: "other"}).replaces == [key]


def test_outputs_are_no_difference() -> None:
    inputs = {key: value for key, value in FLOW.items() if key not in {"flow_id", "version", "fingerprint"}}
    result = FlowProvider().diff("g", FLOW, inputs)
    assert result.changes is False


@pytest.mark.parametrize("provider", [TenantProvider, ProjectProvider, FlowProvider])
@pytest.mark.parametrize("api", ["http://two", PROXY, {**PROXY, "server": UNKNOWN}])
def test_a_server_that_moved_is_an_update_whatever_its_locator_is(provider: type[Provider], api: Any) -> None:
    before = FLOW | {"slug": "s", "tenant_id": "t"}
    result = provider().diff("g", before, before | {"api": api})
    assert (result.changes, result.replaces) == (True, [])
    assert provider().diff("g", before | {"api": PROXY}, before | {"api": dict(PROXY)}).changes is False


def test_all_threads_share_one_api_for_one_locator(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(connection, "open_api", lambda locator: (time.sleep(0.05), opened.append(locator)))
    threads = [threading.Thread(target=vars(flow_provider)["_api"], args=(dict(PROXY),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    vars(flow_provider)["_opened"].cache_clear()
    assert [each.service for each in opened] == ["apollo"]


def report(error: Exception) -> str:
    """What the plugin's servicer answers for an exception of a provider."""
    try:
        raise error
    except type(error):
        return traceback.format_exc()


def test_an_error_of_registration_is_reported_in_one_line_and_any_other_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traceback, "format_exc", traceback.format_exc)
    flow_provider.report_in_one_line.__wrapped__()
    assert (
        report(RegistrationError("flow etl: the server is down; start it")) == "flow etl: the server is down; start it"
    )
    assert "Traceback" in report(ZeroDivisionError("a bug"))
