from pathlib import Path

import pytest
from prefect.executors import DaskExecutor, LocalDaskExecutor

from registration import bundle, catalog
from registration.bundle import Bundle
from registration.catalog import Record
from registration.settings import RunConfig
from utils.executor import ADDRESS, dask_executor

ROOT = Path(__file__).parents[3]


def test_tasks_run_on_the_cluster_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS, "tcp://dask-scheduler:8786")
    executor = dask_executor()
    assert isinstance(executor, DaskExecutor)
    assert executor.address == "tcp://dask-scheduler:8786"


@pytest.mark.parametrize("nowhere", [{}, {ADDRESS: ""}])
def test_tasks_run_in_threads_where_there_is_no_cluster(
    nowhere: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    for name, value in nowhere.items():
        monkeypatch.setenv(name, value)
    executor = dask_executor()
    assert isinstance(executor, LocalDaskExecutor)
    assert executor.scheduler == "threads"


def test_the_cluster_is_no_part_of_what_is_registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def load(address: str) -> tuple[Record, Bundle]:
        monkeypatch.setenv(ADDRESS, address)
        found = catalog.load(ROOT / "flows", store="s", run_config=RunConfig(), bundles=tmp_path)
        found.raise_for_failures()
        (census,) = [each for each in found.records if each.name == "type-census"]
        return census, bundle.read(tmp_path, census.name, census.key)

    here, there = load(""), load("tcp://dask-scheduler:8786")
    assert here[0] == there[0]
    assert here[0].fingerprint
    assert "dask-scheduler" not in str(there[1])
