import json
from pathlib import Path
from typing import Any

import pytest

from preview import drift
from preview.loss import losses
from preview.plan import Plan
from preview.summary import LIMIT
from preview.volatile import MOVES
from tests.unit.preview.conftest import CLUSTER, Log, urn

ACCOUNT = "azure-native:storage:StorageAccount"
POOL = "azure-native:containerservice:AgentPool"
SERVER = "azure-native:dbforpostgresql:Server"
ROOT = Path(__file__).parents[3]
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


def told(kind: str, old: Any, new: Any, *paths: str, read: tuple[Any, Any] = ({}, {})) -> str:
    """What is told of a resource of which the engine says that these paths differ; nothing where it is as deployed."""
    log = Log()
    detail = {path: {"diffKind": "update"} for path in paths}
    log.refreshed("update", kind, "a", old=old, new=new, detailedDiff=detail)
    event = json.loads(log.lines[-1])
    for side, outputs in zip(("old", "new"), read, strict=True):
        event["resOutputsEvent"]["metadata"][side]["outputs"] = outputs
    plan = log.plan([log.lines[0], json.dumps(event)])
    counts = json.loads(drift.text(plan))["counts"]
    assert (drift.none(plan), counts) in [(True, {"same": 1}), (False, {"update": 1})]
    said: list[str] = []
    drift.tell(plan, said.append)
    return said[0].removeprefix(f"changed: a ({kind.rpartition(':')[2]}): ") if len(said) > 1 else ""


def at(path: str, value: Any) -> Any:
    for step in reversed(path.split(".")):
        name, is_list, _ = step.partition("[")
        value = {name: [value] if is_list else value}
    return value


@pytest.mark.parametrize(("kind", "path"), MOVES)
def test_what_moves_by_itself_is_no_drift_in_any_version_of_its_type(kind: str, path: str) -> None:
    package, _, name = kind.rpartition(":")
    old, new, found = at(path, 1), at(path, 2), path.replace("[]", "[0]")
    assert told(kind, old, new, found) == ""
    assert told(f"{package}/v20250901:{name}", old, new, found, read=(old, new)) == ""
    assert told("azure-native:compute:Disk", old, new, found) == found


def test_of_what_moved_and_was_changed_by_hand_too_the_rest_is_told() -> None:
    old, new = {"count": 1}, {"count": 2, "nodeLabels": {"a.b/c": "d"}}
    assert told(POOL, old, new, "count", 'nodeLabels["a.b/c"]') == 'nodeLabels["a.b/c"]'
    old, new = ({"storage": {"storageSizeGB": size, "autoGrow": grows}} for size, grows in ((1, "on"), (2, "off")))
    for read in (({}, {}), (old, new)):
        assert told(SERVER, old, new, "storage.storageSizeGB", "storage.autoGrow", read=read) == "storage.autoGrow"
        # An engine that is told no more by a provider.
        assert told(SERVER, old, new, "storage", read=read) == "storage"
        assert told(SERVER, old, old | {"storage": {**old["storage"], "storageSizeGB": 2}}, "storage") == ""


def test_a_pool_in_the_cluster_is_told_by_what_was_read_because_its_inputs_take_over_all_of_that() -> None:
    asked = {"name": "system", "count": 3}
    before, moved = {**asked, "osSKU": "Ubuntu"}, {**asked, "count": 4, "osSKU": "Ubuntu"}
    old, paths = {"agentPoolProfiles": [asked]}, [f"agentPoolProfiles[0].{name}" for name in ("count", "osSKU", "tags")]
    read = {"agentPoolProfiles": [before]}
    now = {"agentPoolProfiles": [moved]}
    assert told(CLUSTER, old, now, *paths, read=(read, now)) == ""
    now = {"agentPoolProfiles": [{**moved, "tags": {"owner": "joe"}}]}
    assert told(CLUSTER, old, now, *paths, read=(read, now)) == "agentPoolProfiles[0].tags"
    now = {"agentPoolProfiles": [moved, before]}
    assert told(CLUSTER, old, now, *paths, "agentPoolProfiles[1]", read=(read, now)) == "agentPoolProfiles[1]"


def test_the_page_names_all_that_moves_by_itself() -> None:
    page = (ROOT / "docs/operating.md").read_text("utf-8").partition("\n## Drift\n")[2].partition("\n## ")[0]
    names = {path.rpartition(".")[2] for _, path in MOVES}
    assert [name for name in names if f"`{name}`" not in page] == []
