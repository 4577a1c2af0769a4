"""Tasks that read Pokémon from the source, reshape them and sum them up."""

from typing import Any, TypedDict

import prefect
from prefect import task

from utils import source

# How many Pokémon to load, by their number.
COUNT = 151


class Pokemon(TypedDict):
    """One Pokémon as the flows use it: height in metres, weight in kilograms, power as the sum of its base stats."""

    number: int
    name: str
    height: float
    weight: float
    kinds: list[str]
    power: int


@task
def extract() -> list[str]:
    """List the names of the first Pokémon."""
    page = source.get("pokemon", limit=COUNT, offset=0)
    names = [entry["name"] for entry in page["results"]]
    prefect.context["logger"].info("%d listed", len(names))
    return names


@task
def transform(name: str) -> Pokemon:
    """Read one Pokémon and keep what the summary needs."""
    entry: dict[str, Any] = source.get(f"pokemon/{name}")
    return Pokemon(
        number=entry["id"],
        name=entry["name"],
        # The source counts in decimetres and hectograms.
        height=entry["height"] / 10,
        weight=entry["weight"] / 10,
        kinds=[slot["type"]["name"] for slot in entry["types"]],
        power=sum(stat["base_stat"] for stat in entry["stats"]),
    )


@task
def load(pokemon: list[Pokemon]) -> dict[str, Any]:
    """Sum up what was transformed, and log it in one line."""
    kinds = {kind for entry in pokemon for kind in entry["kinds"]}
    heaviest = max(pokemon, key=lambda entry: entry["weight"], default=None)
    summary = {"loaded": len(pokemon), "kinds": len(kinds), "heaviest": heaviest["name"] if heaviest else "none"}
    prefect.context["logger"].info("%(loaded)d loaded, %(kinds)d kinds, heaviest %(heaviest)s", summary)
    return summary
