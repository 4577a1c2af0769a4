"""The settings file and bundles, written by one process and read by another."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from registration import bundle
from registration.bundle import Bundle
from registration.error import RegistrationError
from registration.service_proxy import ServiceProxy
from registration.settings import RunConfig, Settings, Tenant, read, write

AUTHORITY = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"


@pytest.mark.parametrize(
    "api",
    [
        "http://127.0.0.1:4200",
        ServiceProxy(server="https://host", namespace="n", service="apollo", certificate_authority=AUTHORITY),
    ],
)
def test_settings_are_read_back_as_they_were_written(api: str | ServiceProxy, tmp_path: Path) -> None:
    settings = Settings(
        flows="pipelines",
        project="demo",
        tenant=Tenant(name="Default", slug="default"),
        api=api,
        run_config=RunConfig(type="kubernetes", labels=("aks",), cpu_request="1"),
        schedules="paused",
        removal="retain",
        agent_labels=("aks", "gpu"),
    )
    write(tmp_path / "deep" / "s.json", settings)
    assert read(tmp_path / "deep" / "s.json") == settings


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "file"),
        ('{"projekt": "x"}', "projekt"),
        ('{"schedules": "often"}', "schedules"),
        ('{"flows": "../flows"}', "flows"),
        ('{"flows": "a/b"}', "flows"),
        ('{"tenant": {"name": "A", "slug": "A B"}}', "tenant.slug"),
        ('{"run_config": {"cpu_limit": "1"}}', "cpu_limit"),
        ('{"api": 4200}', "api.service_proxy"),
        (
            '{"api": {"server": "https://host", "namespace": "n", "service": "s", "token": "t"}}',
            "api.service_proxy.token",
        ),
    ],
)
def test_what_is_wrong_in_a_settings_file_is_named_in_one_line(text: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(RegistrationError, match=named) as caught:
        read(tmp_path / "s.json")
    assert "\n" not in str(caught.value)


def test_a_settings_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RegistrationError, match="cannot be read"):
        read(tmp_path / "s.json")


@pytest.fixture(params=[0o002, 0o027, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_files_are_as_open_as_the_umask_says_and_bundles_are_for_their_owner(umask: int, tmp_path: Path) -> None:
    write(tmp_path / "s.json", Settings())
    bundle.write(tmp_path / "bundles", made("a" * 64))
    held = next((tmp_path / "bundles").rglob("*.json"))
    assert stat.S_IMODE((tmp_path / "s.json").stat().st_mode) == 0o666 & ~umask
    assert stat.S_IMODE(held.stat().st_mode) == 0o600


def made(key: str) -> Bundle:
    return Bundle(name="A flow", file="f.py", fingerprint="f", key=key, parts={}, flow={"schedule": None}, script="x")


def test_a_bundle_is_found_by_name_and_key(tmp_path: Path) -> None:
    bundle.write(tmp_path, made("a" * 64))
    assert bundle.read(tmp_path, "A flow", "a" * 64) == made("a" * 64)
    with pytest.raises(RegistrationError, match="run again from the checkout"):
        bundle.read(tmp_path, "A flow", "b" * 64)


def test_old_bundles_do_not_pile_up_and_the_newest_stays(tmp_path: Path) -> None:
    for number in range(30):
        bundle.write(tmp_path, made(f"{number:064x}"))
    assert len(list(tmp_path.rglob("*.json"))) < 15
    assert bundle.read(tmp_path, "A flow", f"{29:064x}")


def test_a_damaged_bundle_is_told_in_one_line(tmp_path: Path) -> None:
    bundle.write(tmp_path, made("a" * 64))
    next(tmp_path.rglob("*.json")).write_text("{half")
    with pytest.raises(RegistrationError, match="delete it and run again"):
        bundle.read(tmp_path, "A flow", "a" * 64)
