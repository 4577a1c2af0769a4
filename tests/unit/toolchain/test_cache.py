"""The cache's folder and the names of its entries."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from toolchain import cache
from toolchain.tool import PULUMI


def test_the_cache_is_where_the_environment_says_most_plainly(tmp_path: Path) -> None:
    shared = {"XDG_CACHE_HOME": str(tmp_path / "shared")}
    assert cache.root({**shared, "PREFECT_AKS_CACHE": str(tmp_path / "own")}) == tmp_path / "own"
    assert cache.root(shared) == tmp_path / "shared" / "prefect-aks"


def test_without_a_word_in_the_environment_the_cache_is_in_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.root({}) == tmp_path / ".cache" / "prefect-aks"
    assert cache.root({"XDG_CACHE_HOME": "relative"}) == tmp_path / ".cache" / "prefect-aks"


def test_a_relative_cache_folder_is_taken_from_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cache.root({"PREFECT_AKS_CACHE": "own"}) == tmp_path / "own"


@pytest.mark.parametrize("number", range(len(PULUMI.pin_files())))
def test_the_key_changes_when_any_pin_file_does_and_comes_back_with_it(tmp_path: Path, number: int) -> None:
    for program in PULUMI.programs:
        shutil.copytree(PULUMI.pins / program.name, tmp_path / program.name)
    tool = dataclasses.replace(PULUMI, pins=tmp_path)
    before = cache.key(tool.recipe(), tool.pin_files())
    assert before == cache.key(PULUMI.recipe(), PULUMI.pin_files())
    pin = tool.pin_files()[number]
    text = pin.read_text()
    pin.write_text(text + "// more\n")
    assert cache.key(tool.recipe(), tool.pin_files()) != before
    pin.write_text(text)
    assert cache.key(tool.recipe(), tool.pin_files()) == before


def test_the_key_changes_with_the_recipe() -> None:
    fewer = dataclasses.replace(PULUMI, scripts=PULUMI.scripts[1:])
    assert cache.key(fewer.recipe(), fewer.pin_files()) != cache.key(PULUMI.recipe(), PULUMI.pin_files())


def test_what_fails_while_it_is_made_is_no_entry(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError("half way")

    entry = tmp_path / "cache" / "entry"
    with pytest.raises(RuntimeError, match="half way"):
        cache.make(entry, fill, on_wait=lambda: None)
    assert not entry.exists()
    assert not [path for path in entry.parent.iterdir() if path.is_dir()]
    whole = cache.make(entry, lambda folder: (folder / "whole").touch(), on_wait=lambda: None)
    assert [file.name for file in whole.iterdir()] == ["whole"]
