"""What several unit tests share: the Pokémon source, served in this process on a free port."""

import threading
from collections.abc import Iterator

import pytest
import uvicorn

from emulators.pokemon_api.server import application


@pytest.fixture(scope="session")
def pokemon_server() -> Iterator[str]:
    """The URL of a Pokémon API on 127.0.0.1."""
    server = uvicorn.Server(uvicorn.Config(application(), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive(), "the Pokémon API did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/api/v2"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def pokemon_api(pokemon_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, with the flows' settings pointing at it."""
    monkeypatch.setenv("POKEMON_API_URL", pokemon_server)
    return pokemon_server
