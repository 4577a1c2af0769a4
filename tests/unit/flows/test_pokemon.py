import pytest

from flows.pokemon import flow, load
from tasks import pokemon


@pytest.mark.usefixtures("pokemon_api")
def test_the_etl_loads_as_many_as_the_constant_says(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pokemon, "COUNT", 12)
    state = flow.run()
    assert state.is_successful(), state.message
    (summary,) = (state.result[task].result for task in flow.get_tasks(name="load"))
    assert summary["loaded"] == 12
    assert any(record.levelname == "INFO" and record.message.startswith("12 loaded, ") for record in caplog.records)


def test_one_failing_pokemon_fails_the_run_and_loads_nothing(pokemon_api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POKEMON_API_URL", f"{pokemon_api}/nowhere")
    state = flow.run()
    assert state.is_failed()
    assert state.result[flow.get_tasks(name=load.name)[0]].is_failed()
