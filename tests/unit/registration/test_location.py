"""The places of scripts: safe, told apart, and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registration.location import fingerprint_in, folder_of, script_path

FINGERPRINT = "a" * 64


@pytest.mark.parametrize("name", ["pokemon-etl", "a", "daily.report", "x_1", "2024"])
def test_a_plain_name_is_its_own_folder(name: str) -> None:
    assert folder_of(name) == name


@pytest.mark.parametrize(
    "name",
    ["..", ".", "", "a/b", "a\\b", "../../etc/passwd", "Ümläut", "CON", "a b", "-rf", "a..b", "x" * 300, "\udc80"],
)
def test_any_other_name_becomes_one_safe_folder(name: str) -> None:
    folder = folder_of(name)
    assert folder != name
    assert set(folder) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(folder) < 64


def test_a_name_that_looks_like_the_folder_of_another_does_not_share_it() -> None:
    assert folder_of(folder_of("A flow")) != folder_of("A flow")


@given(st.text(), st.text())
def test_two_names_never_share_a_folder_even_where_case_does_not_count(one: str, other: str) -> None:
    assert one == other or folder_of(one).lower() != folder_of(other).lower()


@given(st.text())
def test_a_fingerprint_is_read_back_from_any_store_and_only_for_its_flow(name: str) -> None:
    path = script_path(name, FINGERPRINT)
    for store in ("", ".local/scripts/", "/srv/scripts/", "C:\\scripts\\"):
        assert fingerprint_in(store + path, name) == FINGERPRINT
    assert fingerprint_in(path, f"{name}x") is None
    assert fingerprint_in(path.replace(".py", ".pkl"), name) is None
