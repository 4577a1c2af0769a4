"""Every component, found by import: what the type tokens of the project are."""

import importlib
import inspect
import pkgutil
import re

import pulumi
import pytest

import components

TOKEN = re.compile(r'super\(\).__init__\("(prefect-aks:(?:azure|kubernetes|prefect):([A-Z]\w*))", name, None, opts\)')


def component_classes() -> list[type[pulumi.ComponentResource]]:
    modules = [
        importlib.import_module(found.name) for found in pkgutil.iter_modules(components.__path__, "components.")
    ]
    return [
        each
        for module in modules
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, pulumi.ComponentResource) and each.__module__ == module.__name__
    ]


@pytest.mark.parametrize("component", component_classes())
def test_a_component_names_its_own_class_in_a_literal_type_token(component: type[pulumi.ComponentResource]) -> None:
    tokens = TOKEN.findall(inspect.getsource(component.__init__))
    assert [name for _, name in tokens] == [component.__name__]


@pytest.mark.parametrize("component", component_classes())
def test_a_component_registers_exactly_its_public_attributes(component: type[pulumi.ComponentResource]) -> None:
    public = {name for name in inspect.get_annotations(component) if not name.startswith("_")}
    registered = re.search(
        r"self\.register_outputs\(\s*\{(.*?)\}\s*\)\s*$", inspect.getsource(component.__init__), re.DOTALL
    )
    assert registered, "register_outputs comes last"
    assert set(re.findall(r'"(\w+)":', registered.group(1))) == public


def test_no_two_components_share_a_token() -> None:
    tokens = [TOKEN.findall(inspect.getsource(component.__init__)) for component in component_classes()]
    assert len(tokens) == len({str(token) for token in tokens}) > 0
