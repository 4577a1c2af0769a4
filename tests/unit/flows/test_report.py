import pendulum
import pytest

from flows.report import flow


def report(**parameters: str | int) -> list[str]:
    state = flow.run(parameters=parameters, run_on_schedule=False)
    assert state.is_successful(), state.message
    return state.result[flow.get_tasks(name="publish")[0]].result


@pytest.mark.usefixtures("pokemon_api")
def test_the_parameters_choose_the_kind_and_the_length() -> None:
    lines = report(kind="psychic", top=2)
    assert [line.split()[1] for line in lines] == ["mewtwo", "mew"]
    assert len(report(kind="water", top=5)) == 5


def test_the_report_is_due_every_morning_at_six() -> None:
    first, second = flow.schedule.next(2, after=pendulum.datetime(2026, 3, 1, 7))
    assert (first, second) == (pendulum.datetime(2026, 3, 2, 6), pendulum.datetime(2026, 3, 3, 6))
