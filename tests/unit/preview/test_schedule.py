from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from preview import schedule
from preview.loss import losses
from registration.error import UnreachableError
from registration.service_proxy import ServiceProxy
from tests.unit.preview.conftest import FLOW, Log


def test_the_scheduled_runs_of_a_flow_group_are_counted_over_its_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        SimpleNamespace(flow_group_id=group, scheduled_runs=runs) for group, runs in (("a", 2), ("a", 3), ("b", None))
    ]
    server = SimpleNamespace(rows={"x": rows[0], "y": rows[2]}, leftovers=[rows[1]])
    monkeypatch.setattr(schedule, "open_api", lambda _: nullcontext(SimpleNamespace(server=lambda _: server)))
    assert schedule.scheduled_runs_here("http://127.0.0.1:4200", "p") == {"a": 5, "b": 0}


def test_an_api_behind_a_clusters_proxy_is_asked_by_its_locator(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def note(locator: object) -> None:
        asked.append(locator)
        raise UnreachableError("no")

    monkeypatch.setattr(schedule, "open_api", note)
    locator = {"server": "https://aks.example.com", "namespace": "prefect-server", "service": "apollo", "port": 4200}
    log = Log()
    log.step("delete", FLOW, "etl", old={}, outputs={"api": locator, "project": "p"})
    assert [loss.runs for loss in losses(log.plan(), (), schedule.scheduled_runs)] == [None]
    assert asked == [ServiceProxy(**locator)]
    assert [loss.runs for loss in losses(log.plan(), (), schedule.scheduled_runs_here)] == [None]
    assert len(asked) == 1


def test_an_api_that_does_not_answer_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise UnreachableError("no")

    monkeypatch.setattr(schedule, "open_api", fail)
    assert schedule.scheduled_runs("http://127.0.0.1:1", "p") is None
    assert schedule.scheduled_runs("", "p") is None


@pytest.mark.parametrize("api", ["https://prefect.example.com", "", "http://[", "http://10.0.0.4:4200"])
def test_an_offline_preview_asks_no_other_machine(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "open_api", lambda _: pytest.fail("it asked"))
    assert schedule.scheduled_runs_here(api, "p") is None
