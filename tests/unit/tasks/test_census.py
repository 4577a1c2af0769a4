from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import census, pokemon

TALLIES = st.lists(st.dictionaries(st.sampled_from(["bug", "fire", "ice"]), st.integers(1, 9)))


@pytest.mark.parametrize("count", [0, 1, 10, 11, 151])
def test_every_pokemon_is_on_one_page(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pokemon, "COUNT", count)
    offsets = census.paginate.run()
    assert len(offsets) == -(-count // census.PAGE)
    assert all(0 < end - start <= census.PAGE for start, end in pairwise([*offsets, count]))


@pytest.mark.usefixtures("pokemon_api")
def test_a_page_counts_a_pokemon_of_two_kinds_for_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pokemon, "COUNT", 4)
    assert census.tally.run(0) == {"grass": 3, "poison": 3, "fire": 1}
    assert census.tally.run(2) == {"grass": 1, "poison": 1, "fire": 1}


@given(TALLIES)
def test_the_total_counts_everything_and_the_most_frequent_comes_first(tallies: list[dict[str, Any]]) -> None:
    total = census.add_up.run(tallies)
    counted = sum(map(Counter, tallies), Counter())
    assert total == dict(counted)
    assert list(total.values()) == sorted(counted.values(), reverse=True)
