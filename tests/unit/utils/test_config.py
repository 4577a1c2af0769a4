import pytest

from utils import config


def test_the_defaults_name_the_public_source_and_finite_patience() -> None:
    settings = config.load({})
    assert settings.api_url == config.PUBLIC_API
    assert 0 < settings.connect_timeout <= settings.read_timeout


def test_every_setting_comes_from_the_environment() -> None:
    environ = {
        "POKEMON_API_URL": "http://127.0.0.1:9/api/v2/",
        "POKEMON_API_CONNECT_TIMEOUT": "1.5",
        "POKEMON_API_READ_TIMEOUT": "2",
        "POKEMON_API_RETRIES": "0",
    }
    expected = config.Config(api_url="http://127.0.0.1:9/api/v2", connect_timeout=1.5, read_timeout=2.0, retries=0)
    assert config.load(environ) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POKEMON_API_URL", "pokeapi.co"),
        ("POKEMON_API_URL", "ftp://pokeapi.co"),
        ("POKEMON_API_CONNECT_TIMEOUT", "soon"),
        ("POKEMON_API_CONNECT_TIMEOUT", "0"),
        ("POKEMON_API_READ_TIMEOUT", "nan"),
        ("POKEMON_API_READ_TIMEOUT", "inf"),
        ("POKEMON_API_RETRIES", "-1"),
        ("POKEMON_API_RETRIES", "2.5"),
        ("POKEMON_API_RETRIES", "²"),
    ],
)
def test_a_bad_value_gets_one_line_with_the_variable_and_the_value(name: str, value: str) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.load({name: value})
    message = str(caught.value)
    assert name in message
    assert repr(value) in message
    assert "\n" not in message
