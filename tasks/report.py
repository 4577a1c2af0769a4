"""Tasks that turn transformed Pokémon into a ranking."""

import prefect
from prefect import task

from tasks.pokemon import Pokemon


@task
def rank(pokemon: list[Pokemon], kind: str, top: int) -> list[Pokemon]:
    """Keep the `top` strongest of one kind, the strongest first; equals stay in the order of their numbers."""
    chosen = [entry for entry in pokemon if kind in entry["kinds"]]
    return sorted(chosen, key=lambda entry: (-entry["power"], entry["number"]))[:top]


@task
def publish(ranking: list[Pokemon], kind: str) -> list[str]:
    """Log the ranking, one line a place, and return the lines."""
    lines = [f"{place}. {entry['name']} ({entry['power']})" for place, entry in enumerate(ranking, start=1)]
    logger = prefect.context["logger"]
    logger.info("the strongest of kind %s:", kind)
    for line in lines:
        logger.info(line)
    return lines
