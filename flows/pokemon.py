"""Extract a list of Pokémon, transform each, load a summary."""

from prefect import Flow

from tasks.pokemon import extract, load, transform

with Flow("pokemon-etl") as flow:
    names = extract()
    pokemon = transform.map(names)
    load(pokemon)
