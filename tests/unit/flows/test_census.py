import csv
from collections import Counter
from importlib import resources

import pytest

from flows.census import flow
from tasks import census


@pytest.mark.usefixtures("pokemon_api")
def test_the_census_counts_what_the_source_has() -> None:
    text = (resources.files("emulators.pokemon_api") / "pokemon.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))[:151]
    expected = Counter(kind for row in rows for kind in row["types"].split("/"))
    state = flow.run()
    assert state.is_successful(), state.message
    (total,) = (state.result[task].result for task in flow.get_tasks(name=census.add_up.name))
    assert total == dict(expected)
    (tallies,) = (state.result[task] for task in flow.get_tasks(name=census.tally.name))
    assert len(tallies.map_states) == 16
