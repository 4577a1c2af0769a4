from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from preview import schedule
from registration.error import UnreachableError


def test_the_scheduled_runs_of_a_flow_group_are_counted_over_its_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        SimpleNamespace(flow_group_id=group, scheduled_runs=runs) for group, runs in (("a", 2), ("a", 3), ("b", None))
    ]
    server = SimpleNamespace(rows={"x": rows[0], "y": rows[2]}, leftovers=[rows[1]])
    monkeypatch.setattr(schedule, "Api", lambda _: nullcontext(SimpleNamespace(server=lambda _: server)))
    assert schedule.scheduled_runs_here("http://127.0.0.1:4200", "p") == {"a": 5, "b": 0}


def test_an_api_that_does_not_answer_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise UnreachableError("no")

    monkeypatch.setattr(schedule, "Api", fail)
    assert schedule.scheduled_runs("http://127.0.0.1:1", "p") is None


@pytest.mark.parametrize("api", ["https://prefect.example.com", "", "http://[", "http://10.0.0.4:4200"])
def test_an_offline_preview_asks_no_other_machine(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "Api", lambda _: pytest.fail("it asked"))
    assert schedule.scheduled_runs_here(api, "p") is None
