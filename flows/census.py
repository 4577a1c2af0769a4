"""How many Pokémon there are of each kind, counted page by page on Dask."""

from prefect import Flow

from tasks.census import add_up, paginate, tally
from utils.executor import dask_executor

with Flow("type-census", executor=dask_executor()) as flow:
    add_up(tally.map(paginate()))
