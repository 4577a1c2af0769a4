"""Every morning, the strongest Pokémon of one kind."""

from prefect import Flow, Parameter
from prefect.schedules import CronSchedule

from tasks.pokemon import extract, transform
from tasks.report import publish, rank

with Flow("daily-report", schedule=CronSchedule("0 6 * * *")) as flow:
    kind = Parameter("kind", default="fire")
    top = Parameter("top", default=3)
    ranking = rank(transform.map(extract()), kind, top)
    publish(ranking, kind)
