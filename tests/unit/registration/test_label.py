"""Which flows an agent takes, and what is said of the others."""

from collections.abc import Collection

import pytest

from registration import label
from registration.catalog import Catalog, Failure, Record


def record(name: str, *labels: str) -> Record:
    return Record(
        name=name, file=f"flows/{name}.py", fingerprint="f", key="k", parts={}, scheduled=False, labels=labels
    )


@pytest.mark.parametrize(
    ("agent", "flow", "taken"),
    [
        (["aks"], ["aks"], True),
        (["aks", "gpu"], ["aks"], True),
        (["aks"], ["aks", "gpu"], False),
        ([], ["aks"], False),
        (["aks"], [], False),
        ([], [], True),
    ],
)
def test_an_agent_takes_what_asks_for_no_more_than_it_has(
    agent: Collection[str], flow: Collection[str], taken: bool
) -> None:
    assert label.takes(agent, flow) is taken


def test_each_flow_that_no_agent_takes_is_one_failure_of_its_file_that_says_what_to_do() -> None:
    broken = Failure(file="flows/a.py", line=3, reason="it is broken")
    found = Catalog(records=(record("big", "gpu", "aks"), record("good", "aks"), record("none")), failures=(broken,))
    checked = label.check(found, ["aks"])
    assert [each.name for each in checked.records] == ["good"]
    broken_file, big, none = map(str, checked.failures)
    assert broken_file == "flows/a.py:3: it is broken"
    assert big.startswith("flows/big.py: flow 'big' would never run: its labels are aks, gpu, the agent's are aks; ")
    assert big.endswith("; take gpu off its run config, or give the agent gpu")
    assert none.startswith("flows/none.py: flow 'none' would never run: its labels are none, the agent's are aks; ")
    assert none.endswith("give the flow labels, or every flow of this environment")
    assert [each.may_define("big") for each in checked.failures] == [False, True, False]


def test_labels_that_are_not_known_refuse_nothing() -> None:
    found = Catalog(records=(record("big", "gpu"),), failures=())
    assert label.check(found, None) is found
