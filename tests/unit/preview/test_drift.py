import json
from pathlib import Path

from preview import drift
from preview.loss import losses
from preview.plan import Plan
from preview.summary import LIMIT
from tests.unit.preview.conftest import CLUSTER, Log, urn

ACCOUNT = "azure-native:storage:StorageAccount"
SECRET = "hunter2"  # noqa: S105 - what must never show


def found() -> Log:
    log = Log()
    log.component("storage")
    log.lines.clear()
    detail = {"tags.owner": {"diffKind": "update"}, "tags.token": {"diffKind": "add"}}
    log.refreshed("update", ACCOUNT, "a", old={"tags": {}}, new={"tags": {"token": SECRET}}, detailedDiff=detail)
    log.refreshed("same", CLUSTER, "aks", old={}, new={})
    log.refreshed("delete", ACCOUNT, "z", old={"a": 1})
    return log


def test_what_is_gone_comes_before_what_was_changed_with_its_properties() -> None:
    said: list[str] = []
    drift.tell(found().plan(), said.append)
    assert said == [
        "gone: z (StorageAccount)",
        "changed: a (StorageAccount): tags.owner, tags.token",
        "dev: 1 gone, 1 changed, 1 as deployed",
    ]
    text = drift.summary(found().plan())
    assert text.index("## Gone") < text.index("| z |") < text.index("## Changed") < text.index("tags.owner, tags.token")


def test_no_value_of_what_was_read_is_shown(tmp_path: Path) -> None:
    assert any(SECRET in line for line in found().lines)
    page = drift.write(tmp_path, found().plan())
    assert SECRET not in page.read_text() + page.with_suffix(".json").read_text()
    written = json.loads(page.with_suffix(".json").read_text())
    assert {*written} == {"stack", "counts", "drift", "errors"}
    assert [(each["op"], each["properties"]) for each in written["drift"]] == [
        ("delete", []),
        ("update", ["tags.owner", "tags.token"]),
    ]


def test_there_is_none_only_where_all_was_read_and_is_as_it_was() -> None:
    log = Log()
    log.refreshed("same", CLUSTER, "aks", old={}, new={})
    assert drift.none(log.plan())
    assert not drift.none(found().plan())
    log.step("refresh", ACCOUNT, "a", old={}, new={})
    log.problem("forbidden", urn(ACCOUNT, "a"))
    assert not drift.none(log.plan())
    assert "**1 as deployed, 1 not read**" in drift.summary(log.plan())
    assert not drift.none(Plan.none("dev", "nobody is logged in", "refresh"))


def test_what_is_gone_already_is_no_loss_to_allow() -> None:
    log = Log()
    log.refreshed("delete", CLUSTER, "aks", old={})
    assert losses(log.plan()) == ()


def test_the_report_is_bounded_whatever_has_drifted() -> None:
    log = Log()
    for index in range(2_000):
        log.refreshed("delete" if index % 2 else "update", ACCOUNT, f"{'|' * 90}{index}", old={"x" * 90: 1}, new={})
    text = drift.summary(log.plan())
    assert len(text) <= LIMIT
    assert text.count("more, in `drift-dev.json`") == 2
