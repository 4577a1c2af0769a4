import re
from pathlib import Path

import pytest

from tasks import pokemon


@pytest.mark.usefixtures("pokemon_api")
def test_extract_lists_the_first_ones_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pokemon, "COUNT", 3)
    assert pokemon.extract.run() == ["bulbasaur", "ivysaur", "venusaur"]


@pytest.mark.usefixtures("pokemon_api")
def test_transform_gives_metres_kilograms_and_the_sum_of_the_stats() -> None:
    assert pokemon.transform.run("snorlax") == {
        "number": 143,
        "name": "snorlax",
        "height": 2.1,
        "weight": 460.0,
        "kinds": ["normal"],
        "power": 540,
    }


@pytest.mark.parametrize("count", [0, 1, 7])
def test_load_counts_what_it_was_given(count: int) -> None:
    entry = {"number": 1, "name": "x", "height": 1.0, "weight": 1.0, "kinds": ["bug"], "power": 1}
    assert pokemon.load.run([entry] * count)["loaded"] == count


def test_the_count_stands_in_one_place_for_a_user_to_edit() -> None:
    root = Path(pokemon.__file__).parents[1]
    places = [
        (path.relative_to(root).as_posix(), line)
        for folder in ("flows", "tasks", "utils")
        for path in sorted((root / folder).glob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if re.search(rf"\b{pokemon.COUNT}\b", line)
    ]
    assert places == [("tasks/pokemon.py", f"COUNT = {pokemon.COUNT}")]
