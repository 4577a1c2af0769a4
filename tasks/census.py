"""Tasks that count Pokémon by kind, a page of the list at a time, so that pages can be counted side by side."""

from collections import Counter

import prefect
from prefect import task

from tasks import pokemon
from utils import source

# How many Pokémon one task counts.
PAGE = 10


@task
def paginate() -> list[int]:
    """List where each page begins."""
    return list(range(0, pokemon.COUNT, PAGE))


@task
def tally(offset: int) -> dict[str, int]:
    """Count one page by kind; a Pokémon of two kinds counts for both."""
    page = source.get("pokemon", limit=min(PAGE, pokemon.COUNT - offset), offset=offset)
    entries = [source.get(f"pokemon/{entry['name']}") for entry in page["results"]]
    return dict(Counter(slot["type"]["name"] for entry in entries for slot in entry["types"]))


@task
def add_up(tallies: list[dict[str, int]]) -> dict[str, int]:
    """Add the pages up, the most frequent kind first, and log it in one line."""
    total: Counter[str] = Counter()
    for each in tallies:
        total.update(each)
    census = dict(sorted(total.items(), key=lambda kind: (-kind[1], kind[0])))
    line = ", ".join(f"{count} {kind}" for kind, count in census.items())
    prefect.context["logger"].info("%d pages: %s", len(tallies), line)
    return census
