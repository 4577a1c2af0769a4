from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tasks import report

POKEMON = st.fixed_dictionaries(
    {
        "number": st.integers(1, 151),
        "name": st.just("x"),
        "kinds": st.lists(st.sampled_from(["fire", "bug"]), min_size=1, max_size=2),
        "power": st.integers(1, 5),
    }
)


@given(st.lists(POKEMON), st.integers(0, 5))
def test_a_ranking_holds_only_the_kind_and_none_that_is_left_out_is_stronger(
    pokemon: list[dict[str, Any]], top: int
) -> None:
    ranking = report.rank.run(pokemon, "fire", top)
    fire = [entry for entry in pokemon if "fire" in entry["kinds"]]
    assert len(ranking) == min(top, len(fire))
    assert [entry["power"] for entry in ranking] == sorted((entry["power"] for entry in fire), reverse=True)[:top]


def test_equals_are_ranked_by_number() -> None:
    twins = [{"number": number, "name": "x", "kinds": ["bug"], "power": 9} for number in (3, 1, 2)]
    assert [entry["number"] for entry in report.rank.run(twins, "bug", 3)] == [1, 2, 3]
