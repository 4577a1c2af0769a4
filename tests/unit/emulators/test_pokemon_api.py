from collections.abc import Iterator

import httpx
import pytest

from emulators.pokemon_api.server import entries


@pytest.fixture(scope="module")
def client(pokemon_server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=pokemon_server.removesuffix("/api/v2")) as made:
        yield made


def test_the_data_set_is_the_first_generation_whole() -> None:
    listed = entries()
    assert [entry["id"] for entry in listed] == list(range(1, 152))
    assert len({entry["name"] for entry in listed}) == 151
    assert all(len(entry["stats"]) == 6 and 1 <= len(entry["types"]) <= 2 for entry in listed)


def test_a_page_starts_at_the_offset_and_links_to_its_neighbours(client: httpx.Client) -> None:
    page = client.get("/api/v2/pokemon", params={"limit": 2, "offset": 2}).json()
    assert [entry["name"] for entry in page["results"]] == ["venusaur", "charmander"]
    assert page["count"] == len(entries())
    assert [entry["name"] for entry in client.get(page["next"]).json()["results"]] == ["charmeleon", "charizard"]
    assert client.get(page["previous"]).json()["previous"] is None


def test_following_next_visits_everything_once(client: httpx.Client) -> None:
    names, link = [], "/api/v2/pokemon?limit=40"
    while link:
        page = client.get(link).json()
        names += [entry["name"] for entry in page["results"]]
        link = page["next"]
    assert names == [entry["name"] for entry in entries()]


def test_one_pokemon_is_found_by_id_by_name_and_by_its_link(client: httpx.Client) -> None:
    (listed,) = client.get("/api/v2/pokemon?limit=1&offset=24").json()["results"]
    answers = [client.get(path).json() for path in ("/api/v2/pokemon/25", "/api/v2/pokemon/pikachu", listed["url"])]
    assert answers[0]["name"] == "pikachu"
    assert answers == [answers[0]] * 3


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("pokemon/missingno", 404),
        ("pokemon/0", 404),
        ("pokemon?limit=-1", 400),
        ("pokemon?limit=" + "9" * 5000, 400),
        ("pokemon?offset=x", 400),
        ("berry", 404),
    ],
)
def test_what_is_not_there_or_not_a_number_is_refused(client: httpx.Client, path: str, status: int) -> None:
    assert client.get(f"/api/v2/{path}").status_code == status


def test_health_says_that_it_is_an_emulator(client: httpx.Client) -> None:
    health = client.get("/health").json()
    assert "emulator" in health["about"]
    assert health["entries"] == len(entries())
