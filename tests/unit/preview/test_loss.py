from collections.abc import Mapping

import pytest

from preview.loss import HOLDS, losses, names, unforeseen
from tests.unit.preview.conftest import CLUSTER, FLOW, Log, urn

FLOW_OUTPUTS = {"api": "http://127.0.0.1:1", "project": "p", "name": "etl"}


@pytest.mark.parametrize("kind", sorted(HOLDS))
@pytest.mark.parametrize("op", ["replace", "delete"])
def test_whatever_holds_data_is_red_when_it_is_replaced_or_deleted(kind: str, op: str) -> None:
    log = Log()
    log.step(op, kind, "data", old={"a": 1}, new={"a": 2})
    [loss] = losses(log.plan())
    assert (loss.step.name, loss.allowed, loss.what) == ("data", False, HOLDS[kind])


@pytest.mark.parametrize("op", ["create", "update", "same"])
def test_what_stays_is_not_red(op: str) -> None:
    log = Log()
    log.step(op, CLUSTER, "aks", old={"a": 1}, new={"a": 2})
    log.step(op, FLOW, "flow", old={}, new={})
    assert losses(log.plan()) == ()


def test_an_api_version_in_the_type_hides_nothing() -> None:
    log = Log()
    log.step("delete", "azure-native:containerservice/v20250901:ManagedCluster", "aks", old={})
    assert len(losses(log.plan())) == 1


def test_what_somebody_protected_is_red_whatever_it_is() -> None:
    log = Log()
    log.step("delete", "azure-native:network:NatGateway", "way-out", old={}, state={"protect": True})
    log.step("delete", "azure-native:network:RouteTable", "routes", old={})
    assert [loss.step.name for loss in losses(log.plan())] == ["way-out"]


def test_what_is_retained_is_not_red() -> None:
    log = Log()
    log.step("delete", FLOW, "flow", old={}, state={"retainOnDelete": True})
    assert losses(log.plan()) == ()


def test_what_is_retained_is_red_all_the_same_where_the_engine_refuses_to_let_it_go() -> None:
    log = Log()
    log.step("delete", CLUSTER, "aks", old={}, state={"retainOnDelete": True, "protect": True})
    assert [loss.step.name for loss in losses(log.plan())] == ["aks"]


@pytest.mark.parametrize("name", ["aks", urn(CLUSTER, "aks")])
def test_it_is_allowed_by_its_name_or_its_urn_and_by_no_other(name: str) -> None:
    log = Log()
    log.replace(CLUSTER, "aks", "location")
    log.replace(CLUSTER, "aks-two", "location")
    assert {loss.step.name: loss.allowed for loss in losses(log.plan(), [name])} == {"aks": True, "aks-two": False}


def test_a_flow_that_goes_says_how_many_scheduled_runs_go_and_its_api_is_asked_once() -> None:
    asked: list[tuple[str, str]] = []

    def runs(api: str, project: str) -> Mapping[str, int]:
        asked.append((api, project))
        return {"1": 3}

    log = Log()
    log.step("delete", FLOW, "flows-etl", old={}, outputs=FLOW_OUTPUTS)
    log.step("delete", FLOW, "flows-new", old={}, outputs=FLOW_OUTPUTS, state={"id": "2"})
    found = losses(log.plan(), (), runs)
    assert {loss.step.name: loss.runs for loss in found} == {"flows-etl": 3, "flows-new": 0}
    assert found[0].what.endswith("and 3 scheduled runs")
    assert asked == [("http://127.0.0.1:1", "p")]


@pytest.mark.parametrize(("op", "others", "stops"), [("delete", 1, False), ("delete", 0, True), ("replace", 1, True)])
def test_a_flow_that_goes_stops_nothing_while_others_stay(op: str, others: int, stops: bool) -> None:
    log = Log()
    log.step(op, FLOW, "flows-etl", old={}, outputs=FLOW_OUTPUTS)
    for number in range(others):
        log.step("same", FLOW, f"flows-{number}", old={}, new={})
    [loss] = losses(log.plan())
    assert loss.allowed is not stops


def test_where_the_api_cannot_be_asked_the_loss_says_so() -> None:
    log = Log()
    log.step("delete", FLOW, "flows-etl", old={}, outputs=FLOW_OUTPUTS)
    [loss] = losses(log.plan())
    assert loss.runs is None
    assert "not asked" in loss.what


def test_what_is_not_allowed_comes_first_and_flows_come_last() -> None:
    log = Log()
    log.step("delete", FLOW, "a-flow", old={}, outputs=FLOW_OUTPUTS)
    log.replace(CLUSTER, "b-allowed")
    log.replace(CLUSTER, "c")
    assert [loss.step.name for loss in losses(log.plan(), ["b-allowed"])] == ["c", "a-flow", "b-allowed"]


def test_what_the_engine_refused_before_it_planned_it_is_red() -> None:
    log = Log()
    whole = urn(f"prefect-aks:azure:Storage${CLUSTER}", "aks")
    log.add("diagnosticEvent", severity="error", urn=whole, message="is currently marked for protection")
    [loss] = losses(log.plan())
    assert (loss.step.name, loss.refused, loss.what) == ("aks", True, HOLDS[CLUSTER])


def test_what_an_update_took_beyond_its_preview_is_unforeseen_unless_it_is_allowed_by_name() -> None:
    previewed, done = Log(), Log(planning=False)
    previewed.replace(CLUSTER, "foreseen")
    for log in (previewed, done):
        log.step("update", CLUSTER, "updated", old={}, new={})
    for name in ("foreseen", "allowed", "aks"):
        done.done("replace", CLUSTER, name, old={}, new={})
    done.done("delete", FLOW, "flow", old={}, outputs=FLOW_OUTPUTS)
    done.done("same", FLOW, "other", old={}, new={})
    done.failed("delete", CLUSTER, "stays", "no", old={})
    done.failed("replace", CLUSTER, "half", "no", old={}, new={})
    found = unforeseen(done.plan(), previewed.plan(), ["allowed"])
    assert {loss.step.name for loss in found} == {"aks", "flow", "half"}


def test_names_are_separated_by_commas_or_spaces() -> None:
    assert names(["a,b c", " d,, e ", ""]) == ("a", "b", "c", "d", "e")
