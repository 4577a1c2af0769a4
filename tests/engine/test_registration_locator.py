"""A server behind a service proxy, as its provider has it in the state: with the real engine."""
# For tests/engine/ (lead): ran green here in 70 s under load.

from typing import Any

import pytest

LOCATOR = """locator = {"server": pulumi.Output.from_input(api), "certificate_authority": "", "namespace": "n",
               "service": "apollo", "port": 4200}
    registry = FlowRegistry("flows", FlowRegistryArgs(settings=settings, api=locator))"""
PLAIN = 'registry = FlowRegistry("flows", FlowRegistryArgs(settings=settings, api=api))'


@pytest.mark.audit
def test_a_server_that_moves_behind_a_service_proxy_is_an_update_that_registers_nothing(
    checkout: Any, prefect_api: Any
) -> None:
    checkout.serve(prefect_api)
    checkout.write("one")
    checkout.up()
    program = checkout.root / "infra/local.py"
    text = program.read_text("utf-8")
    assert PLAIN in text
    # The emulator answers on every path, that of a service proxy included.
    program.write_text(text.replace(PLAIN, LOCATOR), "utf-8")
    moved = checkout.up()
    assert moved.changes["flows-one"] == moved.changes["flows-tenant"] == moved.changes["flows-project"] == {"api"}
    assert set(checkout.up().operations.values()) == {"same"}
    checkout.refresh()
    assert set(checkout.preview().operations.values()) == {"same"}
    assert checkout.versions(prefect_api) == {"one": 1}
    checkout.destroy()
    assert checkout.versions(prefect_api) == {}
