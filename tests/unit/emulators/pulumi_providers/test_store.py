import json
import threading
from pathlib import Path
from typing import Any

import pytest

from emulators.pulumi_providers.store import Store, StoreError, conceal, reveal
from emulators.pulumi_providers.value import Secret


def test_what_is_put_is_there_for_another_process_until_it_is_removed(cloud: Path) -> None:
    Store(cloud, "azure-native").put("a", "type", {"x": 1})
    other = Store(cloud, "azure-native")
    assert other.get("a") == {"x": 1}
    other.remove("a")
    other.remove("a")
    assert Store(cloud, "azure-native").get("a") is None


def test_a_change_of_the_file_by_another_is_seen(cloud: Path) -> None:
    store = Store(cloud, "azure-native")
    store.put("a", "type", {"x": 1})
    assert store.get("a") == {"x": 1}
    Store(cloud, "azure-native").put("a", "type", {"x": 2})
    assert store.get("a") == {"x": 2}


def test_no_change_is_lost_when_many_write_at_once(cloud: Path) -> None:
    def write(name: str) -> None:
        for index in range(10):
            Store(cloud, "azure-native").put(f"{name}{index}", "type", {})

    writers = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(Store(cloud, "azure-native").all()) == 40


def test_a_secret_is_in_no_file_and_comes_back_from_where_it_is_known(cloud: Path) -> None:
    properties: dict[str, Any] = {"password": Secret("hunter2"), "list": [{"key": Secret("hunter3")}], "name": "a"}
    store = Store(cloud, "random")
    store.put("a", "type", properties)
    assert "hunter" not in (cloud / "random.json").read_text()
    assert reveal(store.get("a"), properties) == properties
    assert "hunter" not in str(conceal(properties))


def test_only_its_owner_may_read_the_file(cloud: Path) -> None:
    Store(cloud, "azure-native").put("a", "type", {})
    assert (cloud / "azure-native.json").stat().st_mode & 0o777 == 0o600


def test_without_a_folder_nothing_exists_and_nothing_can_be_created() -> None:
    assert Store(None, "azure-native").all() == {}
    with pytest.raises(StoreError, match="set PREFECT_AKS_EMULATED_CLOUD to a folder"):
        Store(None, "azure-native").put("a", "type", {})


def test_a_broken_file_is_told_in_one_line(cloud: Path) -> None:
    cloud.mkdir()
    (cloud / "azure-native.json").write_text(json.dumps([]))
    with pytest.raises(StoreError, match=r"azure-native\.json is not a file of the emulated cloud"):
        Store(cloud, "azure-native").all()
