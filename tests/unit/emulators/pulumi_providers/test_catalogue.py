import re

import pytest

from emulators.pulumi_providers import shape
from emulators.pulumi_providers.azure.catalogue import types
from emulators.pulumi_providers.azure.rule import RULES
from emulators.pulumi_providers.home import PROVIDERS, version

TYPES = types()


@pytest.mark.parametrize("token", TYPES)
def test_every_row_is_of_a_type_that_the_sdk_has_and_names_inputs_of_it(token: str) -> None:
    row, resource = TYPES[token], shape.find("azure-native", token)
    assert resource is not None
    known = resource.inputs.properties
    assert not [name for name in [*row.inputs, *(path.split(".")[0] for path in row.replace)] if name not in known]
    for path in row.replace:
        inside: shape.Shape = resource.inputs
        for step in path.split("."):
            assert isinstance(inside, shape.Object)
            inside = inside.properties[step]
    if row.name:
        assert re.compile(row.name[2])
        assert row.name[0] <= row.name[1]


def test_every_rule_is_of_a_type_in_the_catalogue() -> None:
    assert not RULES.keys() - TYPES.keys()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_version_is_the_one_that_the_sdk_asks_for(provider: str) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", version(provider))
