import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from utils import source

Answer = tuple[int, bytes]
Point = Callable[[str, int], None]


@contextmanager
def server(*answers: Answer) -> Iterator[tuple[str, list[str]]]:
    """A source that answers each request by the next of `answers`, the last one for ever: (status, body)."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}", asked
        http.shutdown()


@pytest.fixture
def point(monkeypatch: pytest.MonkeyPatch) -> Point:
    def to(url: str, retries: int) -> None:
        monkeypatch.setenv("POKEMON_API_URL", url)
        monkeypatch.setenv("POKEMON_API_RETRIES", str(retries))

    return to


def test_a_passing_fault_is_tried_again(point: Point) -> None:
    with server((503, b""), (200, b'{"id": 1}')) as (url, asked):
        point(url, 2)
        assert source.get("pokemon/1", limit=3) == {"id": 1}
        assert asked == ["/pokemon/1?limit=3"] * 2


def test_the_setting_bounds_the_retries(point: Point) -> None:
    with server((503, b"")) as (url, asked):
        point(url, 1)
        with pytest.raises(source.SourceError, match="pokemon/1"):
            source.get("pokemon/1")
        assert len(asked) == 2


@pytest.mark.parametrize("answer", [(404, b""), (200, b"<html>")])
def test_a_wrong_answer_is_an_error_that_names_the_address(point: Point, answer: Answer) -> None:
    with server(answer) as (url, _):
        point(url, 0)
        with pytest.raises(source.SourceError, match=f"{url}/pokemon/1"):
            source.get("pokemon/1")


def test_a_source_that_does_not_answer_in_time_is_an_error(point: Point, monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent:
        point(f"http://127.0.0.1:{silent.server_port}", 0)
        monkeypatch.setenv("POKEMON_API_READ_TIMEOUT", "0.1")
        with pytest.raises(source.SourceError, match="timed out"):
            source.get("pokemon/1")
