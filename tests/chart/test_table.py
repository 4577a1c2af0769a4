"""The chart's README lists every value."""

import re

from charts import helm, table


def test_the_readme_is_made_from_the_values_as_they_are() -> None:
    assert (helm.CHART / "README.md").read_text() == table.page(), "run `.venv/bin/python -m charts table`"


def test_every_value_says_what_it_is() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \| (.*) \| (.*) \|$", table.page(), re.MULTILINE)
    assert len(rows) > 90
    assert [name for name, *_, text in rows if not text.endswith(".") or len(text) < 8] == []


def test_a_key_without_a_comment_means_what_its_namesake_above_it_means() -> None:
    page = table.page()
    meaning = dict(re.findall(r"^\| `([^`]+)` \|.* \| (.*) \|$", page, re.MULTILINE))
    assert meaning["images.apollo.registry"] == meaning["images.server.registry"]
    assert meaning["towel.resources.burst"] == meaning["apollo.resources.burst"]
    assert meaning["towel.replicas"] != meaning["apollo.replicas"]
