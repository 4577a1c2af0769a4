import pytest
from prefect.engine.state import State

from flows.check import flow


def run(least: int) -> tuple[State, dict[str, State]]:
    state = flow.run(parameters={"least": least})
    return state, {task.name: state.result[task] for task in flow.tasks}


@pytest.mark.usefixtures("pokemon_api")
@pytest.mark.parametrize(("least", "taken", "skipped"), [(1, "confirm", "warn"), (10_000, "warn", "confirm")])
def test_only_the_branch_that_the_count_chose_runs(least: int, taken: str, skipped: str) -> None:
    state, results = run(least)
    assert state.is_successful(), state.message
    assert results[skipped].is_skipped()
    assert not results[taken].is_skipped()
    assert results["announce"].result == results[taken].result


def test_the_failure_handler_logs_an_error_that_names_the_flow(
    pokemon_api: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("POKEMON_API_URL", f"{pokemon_api}/nowhere")
    state, _ = run(1)
    assert state.is_failed()
    errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert any(message.startswith("source-check failed: ") for message in errors)


@pytest.mark.usefixtures("pokemon_api")
def test_the_failure_handler_is_silent_when_the_source_is_only_short(caplog: pytest.LogCaptureFixture) -> None:
    run(10_000)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
