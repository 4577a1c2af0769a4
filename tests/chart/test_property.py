"""Whatever the schema takes, Helm renders, Kubernetes' schemas take and the Pod Security Standard allows."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from charts import helm, judge, strategy

SCHEMA = jsonschema.Draft202012Validator(json.loads((helm.CHART / "values.schema.json").read_text()))
DEFAULTS = yaml.safe_load((helm.CHART / "values.yaml").read_text())
# A judge looks at several renderings as fast as at one.
SEVERAL = st.lists(strategy.values(), min_size=4, max_size=4)
SLOW = (HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large)


def over(defaults: Any, values: Any) -> Any:
    """Values over the defaults, as Helm merges them."""
    if not (isinstance(defaults, dict) and isinstance(values, dict)):
        return values
    return {**defaults, **{key: over(defaults.get(key), value) for key, value in values.items()}}


def hold(drawn: list[dict[str, Any]]) -> None:
    """Render values and let the judges look at all of them."""
    with TemporaryDirectory() as folder:
        files = []
        for number, values in enumerate(drawn):
            files.append(Path(folder) / f"{number}.yaml")
            files[-1].write_text("\n---\n".join(map(json.dumps, helm.render(values))))
        assert judge.pod_security(files).wrong == ()
        assert judge.kubeconform(files).wrong == ()


@given(strategy.values())
@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
def test_what_is_drawn_passes_the_schema(values: dict[str, Any]) -> None:
    assert not list(SCHEMA.iter_errors(over(DEFAULTS, values)))


@given(SEVERAL)
@settings(max_examples=4, deadline=None, suppress_health_check=SLOW)
def test_any_values_that_pass_the_schema_render_to_what_is_valid_and_restricted(drawn: list[dict[str, Any]]) -> None:
    hold(drawn)


@pytest.mark.audit
@pytest.mark.timeout(600)
@given(SEVERAL)
@settings(max_examples=50, deadline=None, suppress_health_check=SLOW)
def test_200_values_that_pass_the_schema_render_to_what_is_valid_and_restricted(drawn: list[dict[str, Any]]) -> None:
    hold(drawn)
